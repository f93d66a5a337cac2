"""Files that share ten words in a row with an evaluation set, or with our own tests."""

import pytest

from contamination import fingerprints

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


@pytest.mark.parametrize("other", ["", "another", ANSWER.replace("total", "sum")])
def test_other_texts_have_another_hash(other: str) -> None:
    """Words count too: runs of the same form have the same hashes."""
    assert fingerprints({"a": iter([other])}).sha256 != MARKS.sha256
    assert fingerprints({"another name": iter([ANSWER])}).sha256 == MARKS.sha256


def test_there_may_be_many_sets() -> None:
    many = fingerprints({f"set{n}": iter([ANSWER.replace("total", f"total{n}")]) for n in range(300)})
    assert many.match(ANSWER.replace("total", "total299")) == "set299"
