"""Code from a file of rows or a folder; what cannot be used is named, and never the end."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import pytest

from codels.errors import UserError
from codels.evaluate import corpus

ROW = {"p": "pack", "f": "pack/a.py", "t": "x = 1\n"}


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.xz", ""])
def test_rows_packed_or_not(tmp_path: Path, suffix: str) -> None:
    data = (json.dumps(ROW) + "\n\n" + json.dumps({**ROW, "f": "b.py"})).encode()
    packed = gzip.compress(data) if suffix.endswith("gz") else lzma.compress(data) if suffix.endswith("xz") else data
    path = tmp_path / f"data{suffix}"
    path.write_bytes(packed)
    sources, broken = corpus.load(path)
    assert [(source.package, source.path, source.text) for source in sources] == [
        ("pack", "pack/a.py", "x = 1\n"),
        ("pack", "b.py", "x = 1\n"),
    ]
    assert broken == []


BROKEN = [
    ("{", "is no JSON"),
    ("[" * 100_000, "is no JSON"),
    ("\xff", "is no JSON"),
    ("1", "has not the texts"),
    ("null", "has not the texts"),
    ('{"p": "a", "f": "b"}', "has not the texts"),
    ('{"p": "a", "f": "b", "t": 3}', "has not the texts"),
]


@pytest.mark.parametrize(("line", "reason"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_row_is_named_and_the_others_count(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(f"{json.dumps(ROW)}\n{line}\n{json.dumps(ROW)}\n", "latin-1")
    sources, (broken,) = corpus.load(path)
    assert (len(sources), broken.where) == (2, "row 2")
    assert broken.reason.startswith(reason)


def test_a_folder_of_python(tmp_path: Path) -> None:
    for name, text in {
        "setup.py": b"a = 1\n",
        "pack/a.py": b"\xef\xbb\xbfx = 1\r\n",
        "pack/.git/hook.py": b"no\n",
        "pack/node_modules/no.py": b"no\n",
        "pack/latin.py": b"s = '\xe9'\n",
        "notes.txt": b"no\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text)
    sources, (broken,) = corpus.load(tmp_path)
    found = {(source.package, source.path, source.text) for source in sources}
    assert found == {(tmp_path.name, "setup.py", "a = 1\n"), ("pack", "pack/a.py", "x = 1\r\n")}
    assert broken.where == "pack/latin.py"


REFUSED = [
    ("missing.jsonl", None, "cannot read the data .*missing.jsonl.*No such file"),
    ("empty.jsonl", b"", "has no rows with the texts"),
    ("text.jsonl", b"hello\n", "has no rows with the texts .*row 1 is no JSON"),
    ("cut.jsonl.xz", lzma.compress(b"x" * 1000)[:40], "cannot read the data"),
    ("cut.jsonl.gz", gzip.compress(b"x" * 1000)[:20], "cannot read the data"),
    ("not.jsonl.gz", b"hello", "cannot read the data .*[Nn]ot a gzipped file"),
    ("not.jsonl.xz", b"hello", "cannot read the data"),
]


@pytest.mark.parametrize(("name", "content", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_data_that_cannot_be_used_is_named(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=words):
        corpus.load(tmp_path / name)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no Python files"):
        corpus.load(tmp_path)
