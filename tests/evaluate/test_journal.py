"""A run that goes on: what was there is kept, and another run is never mixed in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from codels.errors import UserError
from codels.evaluate.journal import Journal

HEADER = {"set": "line-end", "model": "m", "seed": 0}


def run(path: Path, *ids: str, **changed: object) -> list[str]:
    """Add rows; the ids of all that are there then."""
    with Journal(path, {**HEADER, **changed}) as journal:
        for id_ in ids:
            journal.add({"id": id_, "answer": "é\u2028\ud800\n"})
        return list(journal.rows)


def test_a_second_run_finds_the_rows_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    assert run(path, "a", "b") == ["a", "b"]
    assert run(path) == ["a", "b"]
    assert run(path, "c") == ["a", "b", "c"]
    assert path.read_text("utf-8").count("codels_evaluate") == 1


def test_half_a_line_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    run(path, "a", "b")
    path.write_bytes(path.read_bytes()[:-5])
    assert run(path, "c") == ["a", "c"]
    assert run(path) == ["a", "c"]


@pytest.mark.parametrize("content", [b"", b'{"codels_ev'])
def test_a_file_without_a_whole_header(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(content)
    if not content:
        assert run(path, "a") == ["a"]
        return
    with pytest.raises(UserError, match="is no file of `codels evaluate`"):
        run(path)
    assert path.read_bytes() == content


CHANGED = [("seed", 1), ("model", "other"), ("set", "block"), ("weights", "f00")]


@pytest.mark.parametrize(("key", "value"), CHANGED)
def test_another_run_is_refused_and_nothing_is_lost(tmp_path: Path, key: str, value: object) -> None:
    path = tmp_path / "out.jsonl"
    run(path, "a")
    before = path.read_bytes()
    with pytest.raises(UserError, match=rf"holds a run with {key} .*name another file with --out, or delete it"):
        run(path, **{key: value})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["hello\n", "{}\n", '[1]\n{"id": 1}\n', '{"codels_evaluate": 1}\nx\n'])
def test_another_file_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "precious.txt"
    path.write_text(content)
    with pytest.raises(UserError, match="is no file of `codels evaluate`"):
        run(path)
    assert path.read_text() == content


@pytest.mark.parametrize("name", ["no/folder/out.jsonl", ".", "/dev/full"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot write the results to"):
        run(tmp_path / name)


def test_without_a_file_rows_are_kept_in_memory() -> None:
    with Journal(None, HEADER) as journal:
        journal.add({"id": "a"})
        assert list(journal.rows) == ["a"]


def test_a_full_disk_is_named_and_what_was_written_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.jsonl"

    def full(_text: str) -> int:
        raise OSError(28, "No space left on device")

    with Journal(path, HEADER) as journal:
        journal.add({"id": "a"})
        monkeypatch.setattr(journal, "_file", SimpleNamespace(write=full, name=str(path), close=journal._file.close))
        with pytest.raises(UserError, match=r"cannot write to .*: No space left on device; what is there is kept"):
            journal.add({"id": "b"})
    assert run(path) == ["a"]
