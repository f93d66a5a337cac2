"""The simulated user: what is accepted, what is in the way, what it saves."""

from __future__ import annotations

import asyncio

import pytest
from helpers import site

from codels.core import Answer, Completion, Site
from codels.evaluate import replay
from codels.evaluate.sources import said
from codels.evaluate.task import Row, Task
from codels.generation import Stats

ACCEPTED = [
    # shown, what the user wants to write
    ("foo(x)", "foo(x)", True),
    ("foo", "foo(x)", True),
    ("foo(", "foo(x)", True),
    ("fo", "foo(x)", False),
    ("foo(x)", "foo", False),
    ("foo(y)", "foo(x)", False),
    ("", "foo", False),
    ("  ", "  foo", False),
    (" = x", " = x + 1", True),
    (" = x", " = x1", False),
]


@pytest.mark.parametrize(("shown", "rest", "is_accepted"), ACCEPTED)
def test_what_is_accepted(shown: str, rest: str, is_accepted: bool) -> None:
    assert replay.is_accepted(shown, rest) is is_accepted


def type_line(gold: str, answers: dict[str, str], stats: Stats | None = None) -> Row:
    """A line typed where a suggestion is shown behind each text of `answers`."""
    task = Task("t", site("def f():\n    ‸\n"), gold)

    async def ask(at: Site, is_explicit: bool) -> Answer:
        assert not is_explicit
        assert at.after == ""
        text = answers.get(at.before.strip() if at.before.strip() else "", "")
        return Answer((Completion(text),) if text else (), stages={"generate": 5.0}, stats=stats)

    return asyncio.run(replay.run(task, ask))


TYPED = [
    # the line, suggestions by what is typed, requests, shown, accepted, rejected, saved characters
    ("abc", {}, 4, 0, 0, 0, 0),
    ("abc", {"": "abc"}, 2, 1, 1, 0, 3),
    ("abc", {"": "abc\n    more"}, 2, 1, 1, 0, 3),
    ("abc", {"": "xyz"}, 4, 1, 0, 1, 0),
    ("abc", {"": "abx", "a": "bx", "ab": "x"}, 4, 3, 0, 1, 0),
    ("a.b.c", {"": "a.b"}, 4, 1, 1, 0, 3),
    ("a.b.c", {"": "a.b", "a.b": ".c"}, 3, 2, 2, 0, 5),
    ("abc", {"": "abcdef", "a": "bcdef", "ab": "cdef", "abc": "def"}, 4, 4, 0, 1, 0),
    ("if x:", {"if x:": "\n        pass"}, 6, 1, 0, 0, 0),
    ("abc  ", {"": "abc"}, 2, 1, 1, 0, 3),
    ("abc", {"": "x", "a": "y", "ab": "z"}, 4, 3, 0, 3, 0),
]


@pytest.mark.parametrize(("gold", "answers", "n_keys", "n_shown", "n_accepted", "n_rejected", "n_saved"), TYPED)
def test_a_line_is_typed(
    gold: str, answers: dict[str, str], n_keys: int, n_shown: int, n_accepted: int, n_rejected: int, n_saved: int
) -> None:
    row = type_line(gold, answers)
    found = tuple(row[name] for name in ("n_keys", "n_shown", "n_accepted", "n_rejected", "n_saved_chars"))
    assert found == (n_keys, n_shown, n_accepted, n_rejected, n_saved)
    assert row["n_chars"] == len(gold.rstrip())


def test_numbers_of_all_lines() -> None:
    ran = Stats(n_prompt=100, n_reused=80, n_decoded=7, why_stopped="end")
    rows = [type_line("abc", {"": "abc"}, ran), type_line("abcdefg", {"": "xyz"})]
    numbers = {number.name: number for number in replay.summarize(rows, 0)}
    assert numbers["characters from accepted suggestions"].value == pytest.approx(30)
    assert numbers["rejected suggestions per line"].value == 0.5
    assert numbers["shown per key"].value == pytest.approx(100 * 2 / 10)
    assert numbers["keys that ran the model"].value == pytest.approx(20)
    assert numbers["a key that ran it, p50"].value == 5.0
    assert numbers["of these, kept from the last one"].value == pytest.approx(80)
    assert numbers["tokens of its answer"].value == 7


def test_typing_changes_the_caret_s_line_only() -> None:
    at = replay.typed(site("a\n  ‸\nb\n"), "xy")
    assert (at.snapshot.lines, at.line, at.column) == (("a\n", "  xy\n", "b\n", ""), 1, 4)
    assert at.snapshot.version == 3


def test_nothing_known_is_an_answer() -> None:
    assert said("").completions == ()
