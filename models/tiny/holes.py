"""Where a hole is cut into a text: what a programmer's caret leaves open, and a few spans at random.

Every function takes a text and an offset near which to cut, and gives the hole's start and end. A hole ends before
a line end, at an indentation boundary, before closing quotes or (random spans) anywhere. Pure functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from random import Random

Hole = tuple[int, int]

MAX_BLOCK_LINES = 8
MAX_CHARS = 800
"""A longer hole would leave no room for what is around it."""

P_LINE_END_INSIDE = 0.12
"""Of whole-line holes: the line end belongs to the hole, as in HumanEval-Infilling."""

P_FROM_INDENT = 0.5
P_FROM_CARET = 0.3
"""A block begins at its indentation, in the middle of its first line, or at the end of the line before."""

_LINE = re.compile(r"[^\n]*\S[^\n]*")
_DOCSTRING = re.compile(
    r'^[ \t]*(?:async def|def|class)\b[^"#]*?:[ \t]*\n[ \t]*[rRuU]?("""|\'\'\')(.*?)\1', re.MULTILINE | re.DOTALL
)

PRE_TOKEN = re.compile(
    r"'(?:[sdmt]|ll|ve|re)|(?:[^\r\n\w]|_)?[^\W\d_]+|\d+| ?(?:[^\s\w]|_)+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The tokenizer's pre-tokens in Python's `re`; digits stay together, as the engine heals over all of them."""

HEAL_REACH = 128


def healed(text: str, caret: int) -> int:
    """The start of the last pre-token before the caret: where the engine lets the answer begin."""
    floor = text.rfind("\n", 0, max(0, caret - HEAL_REACH)) + 1
    start = floor
    for match in PRE_TOKEN.finditer(text, floor, caret):
        start = match.start()
    return start if caret - start <= HEAL_REACH // 2 else caret


def draw(rng: Random, text: str, focus: int) -> Hole:
    """A hole of a kind drawn from `KINDS`; where the text has none of that kind near, a rest of line."""
    kind = rng.choices(list(KINDS), weights=list(KINDS.values()))[0]
    hole = kind(rng, text, focus)
    if hole is None or hole[1] - hole[0] > MAX_CHARS:
        hole = line_end(rng, text, focus)
    start, end = hole or (focus, focus)
    return start, min(end, start + MAX_CHARS)


def line_end(rng: Random, text: str, focus: int) -> Hole | None:
    """From a caret anywhere behind the indentation to the end of the line; at the very end, nothing is missing."""
    line = _line(text, focus)
    return (rng.randint(_indent(text, *line), line[1]), line[1]) if line else None


def whole_line(rng: Random, text: str, focus: int) -> Hole | None:
    line = _line(text, focus)
    if not line:
        return None
    start = rng.choice((line[0], _indent(text, *line)))
    is_inside = rng.random() < P_LINE_END_INSIDE and line[1] < len(text)
    return start, line[1] + is_inside


def block(rng: Random, text: str, focus: int) -> Hole | None:
    """Two to eight lines that end where the indentation comes back to the first line's, or below it."""
    line = _line(text, focus)
    if not line:
        return None
    ends = _block_ends(text, line)
    if not ends:
        return None
    inner = _indent(text, *line)
    u = rng.random()
    if u < P_FROM_INDENT:
        start = rng.choice((line[0], inner))
    elif u < P_FROM_INDENT + P_FROM_CARET:
        start = rng.randint(inner, line[1])
    else:
        start = max(0, line[0] - 1)
    return start, rng.choice(ends)


def docstring(rng: Random, text: str, focus: int) -> Hole | None:
    """The body of the docstring nearest to the focus, or its rest from some place on."""
    found = min(_DOCSTRING.finditer(text), key=lambda match: abs(match.start() - focus), default=None)
    if found is None:
        return None
    start, end = found.span(2)
    return (start if rng.random() < 0.7 else rng.randint(start, end)), end


def inline(rng: Random, text: str, focus: int) -> Hole | None:
    """From a caret in the line to a later place in it, so that the line goes on behind the hole."""
    line = _line(text, focus)
    if not line:
        return None
    start = rng.randint(_indent(text, *line), line[1])
    return start, rng.randint(start, min(line[1], start + 40))


def span(rng: Random, text: str, focus: int) -> Hole | None:
    """Characters at random; short ones are as likely as long ones."""
    length = int(math.exp(rng.uniform(math.log(2), math.log(400))))
    return focus, min(len(text), focus + length)


KINDS: dict[Callable[[Random, str, int], Hole | None], float] = {
    line_end: 0.38,
    whole_line: 0.17,
    block: 0.18,
    docstring: 0.08,
    inline: 0.09,
    span: 0.10,
}
"""What is drawn how often."""


def _line(text: str, focus: int) -> Hole | None:
    """The first line with something on it at or behind the focus, else before it."""
    found = _LINE.search(text, text.rfind("\n", 0, focus) + 1) or _LINE.search(text)
    return found.span() if found else None


def _indent(text: str, start: int, end: int) -> int:
    return end - len(text[start:end].lstrip())


def _block_ends(text: str, first: Hole) -> list[int]:
    """The ends of lines after which a statement at the first line's depth, or a shallower one, begins."""
    depth = _indent(text, *first) - first[0]
    ends: list[int] = []
    end = first[1]
    n_lines = 1
    for match in _LINE.finditer(text, first[1]):
        if _indent(text, *match.span()) - match.start() <= depth:
            if n_lines >= 2:
                ends.append(end)
            if _indent(text, *match.span()) - match.start() < depth:
                return ends[-1:] + ends
        n_lines += 1
        end = match.end()
        if n_lines > MAX_BLOCK_LINES or end - first[0] > MAX_CHARS:
            break
    return ends
