"""`codels evaluate`, with a scripted model on a small corpus."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from commands import PATIENCE_S, codels, start, write_script

from codels.checks import sandbox
from codels.evaluate import sets

CODE = "".join(f"def f{n}(a, b):\n    total{n} = a + b\n    return total{n}\n\n\n" for n in range(60))


@pytest.fixture
def corpus(app: Path) -> Path:
    path = app.parent / "corpus.jsonl"
    rows = [{"p": package, "f": "a.py", "t": CODE} for package in ("one", "two")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{\n", "utf-8")
    return path


def numbers(out: str) -> dict[str, float]:
    return {number["name"]: number["value"] for number in json.loads(out)["numbers"]}


def test_a_scripted_model_is_measured(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_script(corpus.parent, "m", answers={"": "a + b\n"})
    said = codels(capsys, "evaluate", "m.json", "line-end", "--data", str(corpus), "--n", "8", "--json")
    assert said.code == 0
    report = json.loads(said.out)
    assert (report["set"], report["model"], report["seed"]) == ("line-end", "m.json", 0)
    assert report["broken"] == [{"where": "row 3", "reason": report["broken"][0]["reason"]}]
    assert "corpus.jsonl: row 3 is left out: is no JSON" in said.err
    assert {"exact", "similarity", "exact, above copy", "answered", "an answer, p50"} <= set(numbers(said.out))
    assert all(number["n"] <= 8 for number in report["numbers"])


SETS = ["line-end", "whole-line", "replay"]


@pytest.mark.parametrize("name", SETS)
def test_the_reference_is_right_and_nobody_is_not(corpus: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    score = "characters from accepted suggestions" if name == "replay" else "exact"
    for model, value in (("reference", 100.0), ("empty", 0.0)):
        said = codels(capsys, "evaluate", model, name, "--data", str(corpus), "--n", "6", "--json")
        assert numbers(said.out)[score] == value


def test_a_table_names_the_run_and_its_intervals(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = codels(capsys, "evaluate", "copy", "line-end", "--data", str(corpus), "--n", "6", "--seed", "3")
    first, *lines = said.out.splitlines()
    assert first == "copy on line-end of corpus.jsonl, seed 3"
    assert lines[0].startswith("exact ")
    assert "n=6  [" in lines[0]


def test_a_second_run_goes_on(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = corpus.parent / "out.jsonl"
    arguments = ["evaluate", "copy", "line-end", "--data", str(corpus), "--out", str(out), "--json"]
    codels(capsys, *arguments, "--n", "4")
    first = out.read_text("utf-8")
    said = codels(capsys, *arguments, "--n", "6")
    assert said.code == 0
    assert out.read_text("utf-8").startswith(first)
    assert len(out.read_text("utf-8").splitlines()) == 7
    refused = codels(capsys, *arguments, "--n", "6", "--seed", "1")
    assert (refused.code, refused.out) == (2, "")
    assert "holds a run with seed 0, and this one has 1" in refused.err


def test_other_weights_under_the_same_name_are_noticed(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = corpus.parent / "out.jsonl"
    arguments = ["evaluate", "m.json", "whole-line", "--data", str(corpus), "--n", "2", "--out", str(out)]
    write_script(corpus.parent, "m", answers={"": "a\n"})
    assert codels(capsys, *arguments).code == 0
    write_script(corpus.parent, "m", answers={"": "b\n"})
    assert "holds a run with weights" in codels(capsys, *arguments).err


def test_each_row_says_how_sure_the_model_was_and_what_it_cost(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = corpus.parent / "out.jsonl"
    write_script(corpus.parent, "m", answers={"": "x\n"})
    codels(capsys, "evaluate", "m.json", "whole-line", "--data", str(corpus), "--n", "2", "--out", str(out))
    rows: list[dict[str, Any]] = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert rows[0]["codels_evaluate"] == 1
    for row in rows[1:3]:
        assert {"gold", "answer", "reason", "logprob", "stages", "n_prompt", "n_decoded", "baselines"} <= set(row)
        assert row["stages"]["generate"] > 0
        assert row["n_prompt"] > 0


def test_help_names_every_set() -> None:
    from codels.cli import EVALUATE_SETS

    assert set(EVALUATE_SETS.replace(" or ", ", ").split(", ")) == set(sets.SETS)


def test_why_there_was_no_answer_is_counted(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "silent.json", "whole-line", "--data", str(corpus), "--n", "3"]
    assert "no answer, 3 times: the model has nothing to add" in codels(capsys, *arguments).out
    assert json.loads(codels(capsys, *arguments, "--json").out)["no_answer"] == {"the model has nothing to add": 3}


def test_an_engine_that_dies_costs_one_task(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    far = "#" * 200 + "\n"  # too long a line for a hole
    data = app.parent / "two.jsonl"
    code = f"{far * 10}x = 1\n{far * 40}{far[:-1]}y\nx = 2\n"
    data.write_text(json.dumps({"p": "p", "f": "a.py", "t": code}), "utf-8")
    write_script(app.parent, "m", answers={"": "x\n"}, dies_on="#y\n")
    said = codels(capsys, "evaluate", "m.json", "whole-line", "--data", str(data), "--json")
    assert (said.code, numbers(said.out)["answered"]) == (0, 50.0)
    assert json.loads(said.out)["no_answer"] == {"the engine died (exit code 11)": 1}


REFUSED = [
    # arguments, words on standard error
    (["m.json", "nonsense", "--data", "corpus.jsonl"], "there is no set 'nonsense'; known are line-end, whole-line"),
    (["m.json", "line-end"], "no data is named: --data takes"),
    (["m.json", "line-end", "--data", "nowhere"], "'nowhere' does not exist: --data takes"),
    (["m.json", "line-end", "--data", "Makefile"], "'Makefile' has no rows with the texts"),
    (["m.json", "line-end", "--data", "folder.py"], "'folder.py' has no Python files"),
    (["m.json", "infilling-single-line", "--data", "."], "'.' is a folder: --data must name"),
    (["m.json", "infilling-single-line", "--data", "corpus.jsonl"], "has no rows of HumanEval-Infilling"),
    (["m.json", "docstring", "--data", "corpus.jsonl"], "has no place for a hole of docstring"),
    (["nothing", "line-end", "--data", "corpus.jsonl"], "there is no model 'nothing'"),
    (["cut.gguf", "line-end", "--data", "corpus.jsonl"], "cut.gguf cannot be loaded"),
    (["m.json", "line-end", "--data", "corpus.jsonl", "--out", "app.py"], "'app.py' is no file of `codels evaluate`"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=lambda value: repr(value)[:50])
def test_what_cannot_be_done_is_said_and_exit_code_2(
    corpus: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    write_script(corpus.parent, "m")
    said = codels(capsys, "evaluate", *arguments)
    assert (said.code, said.out) == (2, "")
    last = said.err.splitlines()[-1]
    assert last.startswith("codels: ")
    assert words in last


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupted_run_says_how_to_go_on(corpus: Path) -> None:
    write_script(corpus.parent, "slow", answers={"": "x = 1\n"}, step_ms=20)
    out = corpus.parent / "out.jsonl"
    arguments = ["evaluate", "slow.json", "whole-line", "--data", "corpus.jsonl", "--out", "out.jsonl"]
    process = start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=corpus.parent)
    deadline = time.monotonic() + PATIENCE_S
    while not (out.exists() and out.read_text("utf-8").count("\n") > 2) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said) == (130, b"")
    assert b"codels: stopped after " in err
    assert b"the same command goes on from there" in err
    assert b"Traceback" not in err
    assert out.read_text("utf-8").endswith("}\n")


def test_other_decoding_or_other_files_are_another_run(
    corpus: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_script(corpus.parent, "m", answers={"": "a + b\n"})
    (corpus.parent / "a.py").write_text(CODE, "utf-8")
    command = ["evaluate", "m.json", "line-end", "--data", str(corpus.parent), "--n", "2", "--out", "rows.jsonl"]
    assert codels(capsys, *command).code == 0
    (corpus.parent / "a.py").write_text(CODE + "x = 1\n", "utf-8")
    assert "holds a run with data_bytes" in codels(capsys, *command).err
    (corpus.parent / "a.py").write_text(CODE, "utf-8")
    monkeypatch.setattr("codels.commands.evaluate.__version__", "9.9.9")
    assert "holds a run with decoding" in codels(capsys, *command).err


@pytest.mark.usefixtures("app")
def test_code_is_not_run_where_nothing_shuts_it_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"task_id": "1", "prompt": "def one():\n", "suffix": "", "canonical_solution": "    return 1\n"}
    row |= {"test": "def check(f):\n    assert f() == 1\n", "entry_point": "one"}
    (tmp_path / "set.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    monkeypatch.setattr(sandbox, "has_walls", lambda: False)
    command = ["evaluate", "reference", "infilling-single-line", "--data", str(tmp_path / "set.jsonl"), "--json"]
    refused = codels(capsys, *command)
    assert (refused.code, refused.out) == (2, "")
    assert "--without-walls" in refused.err
    said = codels(capsys, *command, "--without-walls")
    assert numbers(said.out)["pass@1"] == 100.0
