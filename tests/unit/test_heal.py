"""A caret inside a token: what the prompt shows, and what decoding spells again."""

import random

import pytest

from codels.prompt.heal import MAX_HEAL, split

ROWS = [
    # what stands before the caret = what is shown + what is spelled again
    ("", "", ""),
    ("x", "", "x"),
    ("some_ta", "some", "_ta"),
    ("x = some_ta", "x = some", "_ta"),
    ("x = some", "x =", " some"),
    ("self.", "self", "."),
    ("self.na", "self", ".na"),
    ("x = self._", "x = self", "._"),
    ("CamelCa", "", "CamelCa"),
    ("def ", "def", " "),
    ("return x  ", "return x", "  "),
    # in strings
    ("x = '", "x =", " '"),
    ("x = 'so", "x = '", "so"),
    ("['so", "['", "so"),
    ("x = 'some wo", "x = 'some", " wo"),
    ('f"{na', 'f"{', "na"),
    ("it's", "it", "'s"),
    ("IT'S", "IT", "'S"),
    ("# TODO: ", "# TODO:", " "),
    # indentation
    ("if x:\n    ", "if x:\n", "    "),
    ("if x:\n\t", "if x:\n", "\t"),
    ("if x:\n    re", "if x:\n   ", " re"),
    ("if x:\n\tre", "if x:\n", "\tre"),
    ("\n\n    ", "\n\n", "    "),
    # brackets
    ("print(", "print", "("),
    ("print((", "print", "(("),
    ("print(na", "print", "(na"),
    ("x[0", "x[", "0"),
    ("foo(a, ", "foo(a,", " "),
    ("foo(a,", "foo(a", ","),
    ("foo()", "foo", "()"),
    # line ends
    ("x = y\n", "x = y", "\n"),
    ("if x:\n", "if x", ":\n"),
    ("x\n\n\n", "x", "\n\n\n"),
    ("x\n  \n", "x", "\n  \n"),
    # digits: other tokenizers join what Qwen's takes one by one
    ("x = 1", "x = ", "1"),
    ("x = 1234", "x = ", "1234"),
    ("x = 3.14", "x = 3.", "14"),
    ("x1", "x", "1"),
    ("1e5", "1e", "5"),
    # beyond ASCII
    ("größ", "", "größ"),
    ("x = größ", "x =", " größ"),
    ("x = 日本", "x =", " 日本"),
    ("'日", "", "'日"),
    ("x = 😀", "x =", " 😀"),
    ("e\u0301", "e", "\u0301"),
    ("x\u2028", "x", "\u2028"),
    ("\ud83d", "", "\ud83d"),
    ("½", "", "½"),
]


@pytest.mark.parametrize(("prefix", "shown", "spelled"), ROWS)
def test_split(prefix: str, shown: str, spelled: str) -> None:
    assert split(prefix) == (shown, spelled)


@pytest.mark.parametrize("long", ["x" * 65, "9" * 200, " " * 65, "=" * 70, "\n" * 65])
def test_what_is_long_is_not_spelled_again(long: str) -> None:
    assert split("a = (\n" + long)[1] == ""
    assert split(long) == (long, "")


@pytest.mark.parametrize("char", ["x", "9", " ", "="])
def test_what_just_fits_is(char: str) -> None:
    assert split("\n" + char * MAX_HEAL)[1] == char * MAX_HEAL


def test_nothing_is_lost_and_the_rest_is_short() -> None:
    rng = random.Random(3)
    alphabet = [*"abc_ \t\n\r.,()='\"123", "    ", "é", "日", "😀", "\u0301", "\u2028", "\ud83d", "½", "²", "١"]
    for _ in range(5000):
        prefix = "".join(rng.choices(alphabet, k=rng.randrange(30)))
        shown, spelled = split(prefix)
        assert shown + spelled == prefix
        assert len(spelled) <= MAX_HEAL
        assert spelled or not prefix


@pytest.mark.parametrize("end", ["some_ta", "self.", "(", "\n    ", "x = 12", "'so"])
def test_far_away_text_changes_nothing(end: str) -> None:
    """Only the last lines are read, however long the text is."""
    near = split("value = 1\n" + end)
    for far in ("value = 1\n" * 500, "'" + "v " * 300 + "\n", "v" * 1000 + "\n"):
        assert split(far + "value = 1\n" + end) == (far + near[0], near[1])
