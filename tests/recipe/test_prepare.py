"""Text shards from a corpus that is there."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest
from wheels import code

from contamination import fingerprints
from corpus import Corpus

prepare = pytest.importorskip("prepare", reason="tqdm is not installed: pip install -r models/tiny/requirements.txt")

ANSWER = "def add(first, second):\n    total = first + second\n    return total if total else None\n"
HELD_OUT = fingerprints({"answers": iter([ANSWER])})


def write_shard(folder: Path, name: str, rows: list[str]) -> Path:
    path = folder / f"{name}.jsonl.xz"
    with lzma.open(path, "wt", newline="\n") as file:
        file.write("\n".join(rows) + "\n")
    return path


def row(path: str, text: str) -> str:
    return json.dumps({"p": "some", "f": path, "t": text})


def test_a_training_shard_loses_what_is_held_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row("a.py", code(1)), "{broken", row("b.py", code(2) + ANSWER), row("c.py", "\r\nx = '日'\r\n"), "{}"]
    prepare.prepare(write_shard(tmp_path, "train-0", rows), tmp_path, HELD_OUT)
    corpus = Corpus(tmp_path, "train")
    assert corpus.names == [("some", "a.py"), ("some", "c.py")]
    assert [corpus.text(0), corpus.text(1)] == [code(1), "\nx = '日'\n"]
    report = json.loads((tmp_path / "train-0.report.json").read_text())
    assert (report["n_files"], report["n_dropped_files"]) == (2, 1)
    assert report["dropped"] == [["some", "b.py", "answers"]]
    said = capsys.readouterr().err
    assert "train-0.jsonl.xz:2: broken row skipped" in said
    assert "train-0.jsonl.xz:5: broken row skipped" in said


def test_held_out_shards_stay_whole_and_done_ones_are_not_done_again(tmp_path: Path) -> None:
    shard = write_shard(tmp_path, "test", [row("a.py", ANSWER)])
    prepare.prepare(shard, tmp_path, HELD_OUT)
    assert Corpus(tmp_path, "test").text(0) == ANSWER
    (tmp_path / "test.utf8").unlink()
    prepare.prepare(shard, tmp_path, HELD_OUT)
    assert not (tmp_path / "test.utf8").exists()


def test_a_shard_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    prepare.prepare(write_shard(tmp_path, "test", [row("a.py", ANSWER)]), tmp_path, HELD_OUT)
    (tmp_path / "test.utf8").write_text("torn")
    with pytest.raises(SystemExit, match="delete both and run prepare"):
        Corpus(tmp_path, "test")


def test_a_missing_split_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no prepared valid shard"):
        Corpus(tmp_path, "valid")


def test_an_excerpt_is_whole_lines_around_a_byte(tmp_path: Path) -> None:
    prepare.prepare(write_shard(tmp_path, "test", [row("a.py", "one\ntwö\nthree\nfour\n")]), tmp_path, HELD_OUT)
    found = Corpus(tmp_path, "test").excerpt(0, 6, 6)
    assert (found.text, found.text[: found.focus], found.has_end) == ("one\ntwö\n", "one\ntw", False)
