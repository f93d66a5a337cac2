"""Files that share ten words in a row with an evaluation set, or with our own tests."""

import gzip
import json
from pathlib import Path

import pytest

from contamination import evaluation_texts, fingerprints, sources_of_tests

ANSWER = "def add(first, second):\n    total = first + second\n    return total if total else None"
MARKS = fingerprints({"answers": iter([ANSWER])})

ROWS = [
    (ANSWER, "answers"),
    ("import os\n" + ANSWER.replace("    ", "\t"), "answers"),  # layout does not hide it
    (ANSWER.replace(" + ", "+").replace(":", " :"), "answers"),  # nor do signs
    ("def add(first, second): total = first + second; return totals", None),  # nine words only
    ("def add(one, two):\n    return one + two", None),
    ("0 " * 50, None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), ROWS)
def test_match(text: str, expected: str | None) -> None:
    assert MARKS.match(text) == expected


def test_runs_without_words_are_no_answer() -> None:
    assert fingerprints({"zeros": iter(["0 " * 50, "1 2 3 4 5 6 7 8 9 10 11 12"])}).match("0 " * 50) is None


def test_no_set_at_all_matches_nothing() -> None:
    assert fingerprints({}).match(ANSWER) is None


def test_sets_are_read_from_their_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ours").mkdir()
    with gzip.open(tmp_path / "ours" / "rows.jsonl.gz", "wt") as file:
        file.write(json.dumps({"id": 1, "parts": [{"code": ANSWER}]}) + "\n{broken\n")
    assert fingerprints(evaluation_texts(tmp_path)).match(ANSWER) == "ours"
    assert "rows.jsonl.gz:2: broken row skipped" in capsys.readouterr().err


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no evaluation set"):
        evaluation_texts(tmp_path)


def test_imports_of_tests_do_not_count(tmp_path: Path) -> None:
    imports = "import os\nimport re\nimport sys\nfrom pathlib import (\n    Path,\n    PurePath,\n)\nimport json\n"
    (tmp_path / "test_it.py").write_text(imports + "\n\n" + ANSWER)
    marks = fingerprints(sources_of_tests(tmp_path))
    assert marks.match(imports) is None
    assert marks.match(ANSWER) == "tests"
