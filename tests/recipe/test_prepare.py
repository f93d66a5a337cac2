"""Text shards from a corpus that is there."""

from __future__ import annotations

import json
import lzma
import os
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


def files(folder: Path) -> list[str]:
    return [name for _, name in Corpus(folder, "train").names]


def test_a_shard_is_done_again_where_other_texts_are_held_out(tmp_path: Path) -> None:
    shard = write_shard(tmp_path, "train", [row("a.py", ANSWER), row("b.py", code(1))])
    prepare.prepare(shard, tmp_path, fingerprints({}))
    assert files(tmp_path) == ["a.py", "b.py"]
    prepare.prepare(shard, tmp_path, HELD_OUT)
    assert files(tmp_path) == ["b.py"]


def test_a_shard_is_done_again_where_the_source_is_another(tmp_path: Path) -> None:
    """Also one with an older date, as a copy has it."""
    prepare.prepare(write_shard(tmp_path, "train", [row("a.py", code(1))]), tmp_path, HELD_OUT)
    shard = write_shard(tmp_path, "train", [row("a.py", code(1)), row("b.py", code(2))])
    os.utime(shard, (1, 1))
    prepare.prepare(shard, tmp_path, HELD_OUT)
    assert files(tmp_path) == ["a.py", "b.py"]


def test_a_report_that_does_not_say_what_was_held_out_is_not_believed(tmp_path: Path) -> None:
    shard = write_shard(tmp_path, "train", [row("a.py", code(1))])
    prepare.prepare(shard, tmp_path, HELD_OUT)
    (tmp_path / "train.report.json").write_text('{"n_files": 1}')
    (tmp_path / "train.utf8").unlink()
    prepare.prepare(shard, tmp_path, HELD_OUT)
    assert files(tmp_path) == ["a.py"]


BROKEN = ["null", "[1]", '"text"', "7", '{"p": "some", "f": "a.py", "t": 5}', row("a.py", "x = '\ud800'"), "[" * 10**5]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda text: text[:40].encode("ascii", "replace").decode())
def test_a_broken_row_is_named_counted_and_skipped(
    tmp_path: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare.prepare(write_shard(tmp_path, "train", [broken, row("b.py", code(2))]), tmp_path, HELD_OUT)
    assert files(tmp_path) == ["b.py"]
    assert prepare.summary(tmp_path)["train"]["n_broken_rows"] == 1
    assert "train.jsonl.xz:1: broken row skipped" in capsys.readouterr().err


def test_bytes_that_are_no_text_are_a_broken_row(tmp_path: Path) -> None:
    shard = write_shard(tmp_path, "train", [])
    shard.write_bytes(lzma.compress(b'{"p": "\xff"}\n' + row("b.py", code(2)).encode()))
    prepare.prepare(shard, tmp_path, HELD_OUT)
    assert files(tmp_path) == ["b.py"]


@pytest.mark.parametrize("content", [lzma.compress(b"{}" * 999)[:-20], b"no xz at all", b""])
def test_a_torn_source_is_named(tmp_path: Path, content: bytes) -> None:
    shard = tmp_path / "train.jsonl.xz"
    shard.write_bytes(content)
    with pytest.raises(SystemExit, match=r"train\.jsonl\.xz is torn"):
        prepare.prepare(shard, tmp_path, HELD_OUT)


def test_an_empty_shard_beside_others_is_no_hindrance(tmp_path: Path) -> None:
    prepare.prepare(write_shard(tmp_path, "train-0", [row("a.py", "")]), tmp_path, HELD_OUT)
    with pytest.raises(SystemExit, match=r"the train split of .* holds no text at all"):
        Corpus(tmp_path, "train")
    prepare.prepare(write_shard(tmp_path, "train-1", [row("b.py", code(2))]), tmp_path, HELD_OUT)
    assert Corpus(tmp_path, "train").text(0) == code(2)


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
