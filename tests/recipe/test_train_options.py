"""What `train.py` refuses at the door, and what it says when it goes on."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from places import RECIPE

import recipe

MISSING = "torch and tokenizers are not installed: pip install -r models/tiny/requirements.txt"
for library in ("torch", "tokenizers", "gguf"):
    pytest.importorskip(library, reason=MISSING)
train = pytest.importorskip("train")
run = pytest.importorskip("run")
progress = pytest.importorskip("progress")
tokenizer = pytest.importorskip("tokenizer")


def started(data: Path, out: Path, monkeypatch: pytest.MonkeyPatch, *options: object, **other: object) -> Any:
    given = {"config": data / "toy.toml", "data": data, "tokenizer": data / "tokenizer.json", "out": out, **other}
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    monkeypatch.setattr("sys.argv", ["train.py", *map(str, [*words, *options])])
    return train.start(train.parse())


@pytest.mark.parametrize("option", ["--minutes", "--tokens"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "many"])
def test_an_end_is_above_0(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, value: str, capsys: Any
) -> None:
    with pytest.raises(SystemExit):
        started(data, tmp_path, monkeypatch, f"{option}={value}")
    assert f"argument {option}: {value} is no number above 0" in capsys.readouterr().err


def test_a_phase_decays_by_a_share_of_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert started(data, tmp_path, monkeypatch, "--decay", 0.5, "--tokens", 9).phase.decay == 0.5
    with pytest.raises(SystemExit):
        started(data, tmp_path, monkeypatch, "--decay", 1.5)
    assert "argument --decay: 1.5 is no share" in capsys.readouterr().err


def test_the_checkpoint_before_the_rate_falls_is_kept(data: Path, tmp_path: Path) -> None:
    n_a_step = 4 * 64  # rows of the toy, and its context
    given = {"config": data / "toy.toml", "data": data, "tokenizer": data / "tokenizer.json", "out": tmp_path}
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    words += ["--decay", 0.5, "--tokens", 8 * n_a_step, "--save-seconds", 1e-9]
    subprocess.run([sys.executable, RECIPE / "train.py", *map(str, words)], check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["ckpt-00000007.pt", "ckpt-00000008.pt"]
    assert [path.name for path in (tmp_path / "constant").iterdir()] == ["ckpt-00000005.pt"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--decay"], "--decay needs an end"),
        (["--decay", "--tokens", 9], "--decay ends a run, and .* has no checkpoint: .* --from"),
        (["--from", "RUN"], "pass --decay with it"),
        (["--from", "nowhere.gguf"], r"nowhere\.gguf cannot be read"),
        (["--from", "nowhere", "--decay", "--tokens", 9], "nowhere does not exist"),
        (["--config", "nowhere.toml"], r"nowhere\.toml cannot be read .*config/nano\.toml"),
        (["--tokenizer", "nowhere.json"], r"nowhere\.json cannot be read .*tokenizer\.py"),
        (["--tokenizer", __file__], "is no tokenizer"),
        (["--config", __file__], "is no TOML"),
    ],
)
def test_options_that_do_not_go_together(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[object], said: str
) -> None:
    with pytest.raises(SystemExit, match=said):
        started(data, tmp_path, monkeypatch, *options)


def begun(data: Path, out: Path) -> None:
    """A checkpoint before the first step."""
    out.mkdir()
    settings, encoder = recipe.load(data / "toy.toml"), tokenizer.Encoder(data / "tokenizer.json")
    run.Run(settings, encoder, data, progress.Phase(), run.Machine()).save(out)


def test_from_is_not_read_where_a_run_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(data, tmp_path / "out")
    started(data, tmp_path / "out", monkeypatch, "--from", "nowhere.gguf")
    assert "--from nowhere.gguf is not read" in capsys.readouterr().out


def test_other_settings_are_said_and_taken(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(data, tmp_path / "out")
    started(data, tmp_path / "out", monkeypatch)
    assert capsys.readouterr().out == ""
    other = tmp_path / "other.toml"
    changed = "weight_decay = 0.5\nanswer_weight = 4.0\n[mixture]\nfim = 0.25\n"
    other.write_text((data / "toy.toml").read_text() + changed)
    toy = started(data, tmp_path / "out", monkeypatch, config=other)
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "training.weight_decay 0.01 → 0.5; training.answer_weight 1.0 → 4.0; mixture.fim 0.68 → 0.25" in said
    assert {group["weight_decay"] for group in toy._muon.param_groups} == {0.5}


def test_a_setting_that_a_checkpoint_does_not_know_is_a_change(data: Path) -> None:
    now = dataclasses.replace(recipe.load(data / "toy.toml")).as_dict()
    before = json.loads(json.dumps(now))
    del before["training"]["answer_weight"], before["mixture"]
    assert len(recipe.changes(before, now)) == 1 + len(now["mixture"])
