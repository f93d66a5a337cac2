"""What of a document the model sees, and how little of that moves while somebody types."""

import random
from itertools import pairwise

import pytest
from helpers import site

from codels.core import Site, Snapshot, Snippet
from codels.prompt.budget import STEP_SHARE, SUFFIX_SHARE, Window, fit

ROWS = [
    # the caret, characters, prefix, suffix
    ("‸", 100, "", ""),
    ("a\nb‸c\nd", 100, "a\nb", "c\nd"),
    ("a\r\nb‸c\r\nd", 100, "a\nb", "c\nd"),
    ("a\rb‸c\rd", 100, "a\nb", "c\nd"),
    ("\ufeffa‸b", 100, "a", "b"),
    ("\ufeff‸b", 100, "", "b"),
    ("‸\ufeffb", 100, "", "b"),
    ("a\u2028\fb‸", 100, "a\u2028\fb", ""),
    # whole lines only
    ("‸aaaa\nbbbb\ncccc\n", 40, "", "aaaa\nbbbb\n"),
    ("‸aaaa\nbbbb\ncccc\n", 33, "", "aaaa\n"),
    ("‸aaaa\nbbbb\ncccc\n", 14, "", "aaaa"),  # a rest of line that is longer is cut
    ("aaaa\nbbbb\ncc‸", 13, "aaaa\nbbbb\ncc", ""),
    ("aaaa\nbbbb\ncc‸", 9, "bbbb\ncc", ""),
    ("aaaa\nbbbb\ncc‸", 6, "cc", ""),
    # what the suffix leaves, the prefix takes; not the other way round
    ("aaaa\nbbbb\ncc‸", 12, "aaaa\nbbbb\ncc", ""),
    ("c‸" + "\nbbbb" * 9, 20, "c", "\nbbbb\n"),
    # a line that is too long is cut in steps
    ("0123456789‸", 10, "0123456789", ""),
    ("0123456789a‸", 10, "23456789a", ""),
    ("0123456789ab‸", 10, "23456789ab", ""),
    ("0123456789abc‸", 10, "456789abc", ""),
    ("xxxx\n0123456789‸", 10, "0123456789", ""),
]


@pytest.mark.parametrize(("text", "max_chars", "prefix", "suffix"), ROWS)
def test_fit(text: str, max_chars: int, prefix: str, suffix: str) -> None:
    window = fit(site(text), (), max_chars)
    assert (window.prefix, window.suffix) == (prefix, suffix)


A, B, C = Snippet("a.py", "aaaa\n"), Snippet("b.py", "b" * 20), Snippet("c.py", "c\n")

SNIPPETS = [
    # characters besides the current file's, the snippets that are kept
    (100, (A, B, C)),
    (39, (A, B, C)),
    (38, (A, B)),
    (32, (A,)),  # C alone would fit, but the order counts
    (8, ()),
    (0, ()),
]


@pytest.mark.parametrize(("n_free", "kept"), SNIPPETS)
def test_snippets_take_what_is_left_in_their_order(n_free: int, kept: tuple[Snippet, ...]) -> None:
    text = "xxxx\n" * 5
    assert fit(site(text + "‸"), (A, B, C), len(text) + n_free) == Window(text, "", kept)


def code(rng: random.Random, n_lines: int) -> list[str]:
    """Lines as code has them: short and long, indented, blank."""
    return [" " * rng.choice((0, 4, 8)) + "x" * rng.choice((0, 5, 20, 40, 70, 120)) + "\n" for _ in range(n_lines)]


def at(lines: list[str], typed: str, below: list[str]) -> Site:
    return Site(Snapshot("file:///a.py", "python", 1, (*lines, typed + "\n", *below)), len(lines), len(typed))


@pytest.mark.parametrize("max_chars", [0, 1, 2, 10, 100, 1152, 6000])
def test_never_more_than_asked_for(max_chars: int) -> None:
    rng = random.Random(4)
    for _ in range(60):
        lines, below = code(rng, rng.randrange(200)), code(rng, rng.randrange(60))
        here = at(lines, "y" * rng.choice((0, 30, 3000)), below)
        window = fit(here, (A, B, C), max_chars)
        assert (
            len(window.prefix) + len(window.suffix) + sum(len(s.path) + len(s.text) for s in window.snippets)
            <= max_chars
        )
        assert len(window.suffix) <= max_chars * SUFFIX_SHARE
        assert (here.prefix(10**6)).endswith(window.prefix)
        assert (here.suffix(10**6)).startswith(window.suffix)


def test_little_is_given_away_for_steps() -> None:
    rng = random.Random(5)
    for _ in range(300):
        here = at(code(rng, 300), "y" * rng.randrange(40), code(rng, 60))
        window = fit(here, (), 1152)
        n_prefix = 1152 - len(window.suffix)
        assert len(window.prefix) > n_prefix * (1 - STEP_SHARE) - 130  # the last line that did not fit


def typing(seed: int, max_chars: int) -> list[Window]:
    """The windows of somebody who types 40 lines, 500 characters at least, in the middle of a file."""
    rng = random.Random(seed)
    lines, below = code(rng, 300), code(rng, 60)
    windows = []
    for line in code(rng, 40):
        for n in range(len(line)):
            windows.append(fit(at(lines, line[:n], below), (), max_chars))
        lines.append(line)
    assert len(windows) > 500
    return windows


@pytest.mark.parametrize("max_chars", [1152, 6000])
@pytest.mark.parametrize("seed", range(5))
def test_while_typing_the_window_grows_and_seldom_moves(seed: int, max_chars: int) -> None:
    windows = typing(seed, max_chars)
    assert len({window.suffix for window in windows}) == 1
    moves = [(a, b) for a, b in pairwise(windows) if not b.prefix.startswith(a.prefix)]
    n_typed = len(windows)
    n_step = (max_chars - len(windows[0].suffix)) * STEP_SHARE
    assert len(moves) <= 2 + 2 * n_typed / n_step
    assert all(b.prefix[:80] in a.prefix for a, b in moves)  # it moves on, and never back


def test_on_enter_the_suffix_stays() -> None:
    lines, below = code(random.Random(6), 80), code(random.Random(7), 60)
    before = fit(at(lines, "    if x:", below), (), 1152)
    after = fit(at([*lines, "    if x:\n"], "        ", below), (), 1152)
    assert before.suffix == after.suffix
    assert after.prefix == before.prefix + "\n        "


def test_typing_a_long_line_moves_the_window_in_steps() -> None:
    windows = [fit(site("x" * n + "‸"), (), 1000) for n in range(1000, 2000)]
    firsts = {n - len(window.prefix) for n, window in zip(range(1000, 2000), windows, strict=True)}
    assert firsts == {0, 200, 400, 600, 800, 1000}
