"""Duplicates among texts in a row."""

import pytest

from duplicates import Seen

LINES = [f"value_{number} = compute({number})" for number in range(10)]
FIRST = "\n".join(LINES)

ROWS = [
    # the second text → the reason at a limit of 0.6
    (FIRST, "duplicate"),
    (FIRST + "\n", "near duplicate"),
    ("\n".join("    " + line for line in reversed(LINES)), "near duplicate"),
    ("\n".join([*LINES[:7], "another_line = 1", "yet_another = 2"]), "near duplicate"),
    ("\n".join([*LINES[:6], *(f"other_line = {n}" for n in range(4))]), ""),  # exactly the limit may stay
    ("\n".join(f"other_line = {n}" for n in range(9)), ""),
    ("else:\nreturn x\npass", ""),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), ROWS)
def test_reason(text: str, expected: str) -> None:
    seen = Seen()
    seen.add(FIRST)
    seen.add("else:\nreturn x\n")
    assert seen.reason(text, 0.6) == expected


def test_nothing_was_seen_at_first() -> None:
    assert Seen().reason(FIRST, 0.6) == ""
