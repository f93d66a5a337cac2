"""The texts that are held out, in every form that evaluation sets come in."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import pytest

from contamination import fingerprints
from evaluation import evaluation_texts, sources_of_tests

ANSWER = "def add(first, second):\n    total = first + second\n    return total if total else None"
ROW = json.dumps({"id": 1, "parts": [{"code": ANSWER}]})

READ = [
    # path below the folder, content, the set's name
    ("ours/rows.jsonl.gz", ROW, "ours"),
    ("ours/rows.jsonl.xz", ROW, "ours"),
    ("ours/rows.jsonl", ROW, "ours"),
    ("ours/list.json.gz", f"[{ROW}]", "ours"),
    ("ours/list.json", json.dumps([json.loads(ROW)], indent=2), "ours"),
    ("ours/rows.json", f"{ROW}\n{ROW}", "ours"),
    ("ours/answer.inp", ANSWER, "ours"),
    ("ours/answer.txt.xz", ANSWER, "ours"),
    ("ours/answer.py", ANSWER, "ours"),
    ("ours-1.0/deep/below/rows.jsonl", ROW, "ours-1.0"),
    ("HumanEval.jsonl.gz", ROW, "HumanEval"),
]


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pack = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(content.encode()))
    return path


@pytest.mark.parametrize(("name", "content", "expected"), READ)
def test_a_set_is_read_in_every_form(tmp_path: Path, name: str, content: str, expected: str) -> None:
    write(tmp_path / name, content)
    assert fingerprints(evaluation_texts(tmp_path)).match(ANSWER) == expected


def test_a_set_behind_a_link_is_read(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/rows.jsonl", ROW)
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets/linked").symlink_to(tmp_path / "elsewhere")
    assert fingerprints(evaluation_texts(tmp_path / "sets")).match(ANSWER) == "linked"


def test_a_broken_row_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "ours/rows.jsonl.gz", f"{ROW}\n{{broken\n")
    assert fingerprints(evaluation_texts(tmp_path)).match(ANSWER) == "ours"
    assert "rows.jsonl.gz:2: broken row skipped" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["rows.parquet", "README.md", "LICENSE", "LICENSE.txt", "rows.zip"])
def test_a_file_that_is_not_read_is_named(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "ours/rows.jsonl", "[]")
    write(tmp_path / "ours" / name, ANSWER)
    assert fingerprints(evaluation_texts(tmp_path)).match(ANSWER) is None
    assert f"{name}: skipped" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["rows.jsonl.gz", "rows.jsonl.xz"])
def test_a_torn_file_ends_with_its_name(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "ours" / name, ROW)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SystemExit, match=rf"{name} is torn"):
        fingerprints(evaluation_texts(tmp_path))


@pytest.mark.parametrize("corpus", ["", "corpus", "deep/corpus"])
def test_a_corpus_among_the_sets_is_none(tmp_path: Path, corpus: str) -> None:
    write(tmp_path / "ours/rows.jsonl", ROW)
    write(tmp_path / corpus / "train.jsonl.xz", ROW.replace("total", "amount"))
    marks = fingerprints(evaluation_texts(tmp_path, (tmp_path / corpus, tmp_path.parent)))
    assert marks.match(ANSWER) == "ours"
    assert marks.match(ANSWER.replace("total", "amount")) is None


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no evaluation set"):
        evaluation_texts(tmp_path)


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"nowhere is no folder: .*--evaluation"):
        evaluation_texts(tmp_path / "nowhere")
    with pytest.raises(SystemExit, match=r"nowhere is no folder: .*--tests"):
        sources_of_tests(tmp_path / "nowhere")


def test_imports_of_tests_do_not_count(tmp_path: Path) -> None:
    imports = "import os\nimport re\nimport sys\nfrom pathlib import (\n    Path,\n    PurePath,\n)\nimport json\n"
    (tmp_path / "test_it.py").write_text(imports + "\n\n" + ANSWER)
    marks = fingerprints(sources_of_tests(tmp_path))
    assert marks.match(imports) is None
    assert marks.match(ANSWER) == "our own tests"
