"""Lines end at \\n, \\r\\n and \\r, and nowhere else."""

import random

import pytest
from helpers import site

from codels.lines import split_lines

ROWS = [
    ("", [""]),
    ("a", ["a"]),
    ("a\n", ["a\n", ""]),
    ("a\nb", ["a\n", "b"]),
    ("a\r\nb", ["a\r\n", "b"]),
    ("a\rb", ["a\r", "b"]),
    ("a\r", ["a\r", ""]),
    ("a\r\n", ["a\r\n", ""]),
    ("\n\r", ["\n", "\r", ""]),
    ("\r\r\n\n", ["\r", "\r\n", "\n", ""]),
    ("a\nb\r\nc\rd", ["a\n", "b\r\n", "c\r", "d"]),
    *((f"a{char}b\nc", [f"a{char}b\n", "c"]) for char in "\f\v\x1c\x1d\x1e\x85\u2028\u2029"),
    *((f"a{char}b\rc", [f"a{char}b\r", "c"]) for char in "\f\v\x1c\x1d\x1e\x85\u2028\u2029"),
]


@pytest.mark.parametrize(("text", "lines"), ROWS)
def test_split(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


def test_nothing_is_lost() -> None:
    rng = random.Random(1)
    for _ in range(500):
        text = "".join(rng.choices("ab\r\n\f\u2028", k=rng.randrange(12)))
        assert "".join(split_lines(text)) == text


@pytest.mark.parametrize(
    ("text", "newline"),
    [("‸", "\n"), ("a\n‸", "\n"), ("a\r\nb\n‸", "\r\n"), ("a\r‸", "\r"), ("a\n\r\n‸", "\n"), ("a\f‸", "\n")],
)
def test_newline_of_a_document(text: str, newline: str) -> None:
    assert site(text).snapshot.newline == newline


SIDES = [
    # the text with its caret, so many characters, what stands before, what stands after
    ("ab\ncd‸ef\ngh", 99, "ab\ncd", "ef\ngh"),
    ("ab\ncd‸ef\ngh", 3, "\ncd", "ef\n"),
    ("ab\ncd‸ef\ngh", 2, "cd", "ef"),
    ("ab\ncd‸ef\ngh", 1, "d", "e"),
    ("ab\ncd‸ef\ngh", 0, "", ""),
    ("ab\r\n‸\r\ncd", 3, "b\r\n", "\r\nc"),
    ("‸", 5, "", ""),
]


@pytest.mark.parametrize(("text", "n_chars", "prefix", "suffix"), SIDES)
def test_sides_of_the_caret(text: str, n_chars: int, prefix: str, suffix: str) -> None:
    assert (site(text).prefix(n_chars), site(text).suffix(n_chars)) == (prefix, suffix)


LINES = [
    # the text with its caret, before, after, the indentation
    ("x\n    a‸b\r\ny", "    a", "b", "    "),
    ("\t ‸", "\t ", "", "\t "),
    ("\fa‸", "\fa", "", ""),
    ("a‸\r", "a", "", ""),
]


@pytest.mark.parametrize(("text", "before", "after", "indent"), LINES)
def test_the_line_of_the_caret(text: str, before: str, after: str, indent: str) -> None:
    at = site(text)
    assert (at.before, at.after, at.indent) == (before, after, indent)
