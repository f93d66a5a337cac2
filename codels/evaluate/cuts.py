"""Where a hole may be cut: the rest of a line, a whole line, the block below a header, a docstring's text."""

from __future__ import annotations

import ast
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINE = 160
"""Characters; longer lines are data."""

BLOCK_LINES = range(2, 9)
MIN_DOC_WORDS = 3

_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Cut:
    """From a line and column to a last line and column, counted from 0; columns in characters."""

    line: int
    column: int
    last: int
    last_column: int


def line_ends(lines: list[str], rng: random.Random) -> Iterator[Cut]:
    """From anywhere behind the indentation, inside a word as well, to the end of the line."""
    for number in _lines(lines, rng):
        text = lines[number].rstrip()
        yield _in_line(lines, number, rng.randrange(_indent(text), len(text)))


def whole_lines(lines: list[str], rng: random.Random) -> Iterator[Cut]:
    """All of a line behind its indentation."""
    for number in _lines(lines, rng):
        yield _in_line(lines, number, _indent(lines[number]))


def blocks(lines: list[str], rng: random.Random) -> Iterator[Cut]:
    """The lines below a header, behind the first one's indentation. A block that begins with a docstring is none."""
    found = []
    for body in (body for _, body in _bodies(lines)):
        first, last = body[0].lineno - 1, (body[-1].end_lineno or body[-1].lineno) - 1
        is_below_header = first > 0 and lines[first - 1].rstrip().endswith(":") and not _doc(body)
        if is_below_header and last - first + 1 in BLOCK_LINES and _is_free(lines, body):
            found.append(Cut(first, _indent(lines[first]), last, len(lines[last].rstrip())))
    yield from rng.sample(found, len(found))


def docstrings(lines: list[str], rng: random.Random) -> Iterator[Cut]:
    """What a function's or class's docstring says, from its first to its last visible sign."""
    found = []
    for header, body in _bodies(lines):
        node = _doc(body) if isinstance(header, _DOCUMENTED) else None
        if node is None or node.end_lineno is None or node.end_col_offset is None:
            continue
        first, last = node.lineno - 1, node.end_lineno - 1
        start, end = _chars(lines[first], node.col_offset), _chars(lines[last], node.end_col_offset)
        is_plain = lines[first][start : start + 3] in ('"""', "'''") and not lines[last][end:].strip()
        if is_plain and len(str(node.value).strip().partition("\n\n")[0].split()) >= MIN_DOC_WORDS:
            found.append(_visible(lines, Cut(first, start + 3, last, end - 3)))
    yield from rng.sample(found, len(found))


def _visible(lines: list[str], cut: Cut) -> Cut:
    """The cut without the white space at its ends."""
    texts = [lines[n][: cut.last_column] if n == cut.last else lines[n] for n in range(cut.line, cut.last + 1)]
    texts[0] = " " * cut.column + texts[0][cut.column :]
    said = [n for n, text in enumerate(texts) if text.strip()]
    first, last = texts[said[0]], texts[said[-1]]
    return Cut(cut.line + said[0], _indent(first), cut.line + said[-1], len(last.rstrip()))


def _lines(lines: list[str], rng: random.Random) -> list[int]:
    """The numbers of lines that say something, in random order; never the first."""
    numbers = [n for n in range(1, len(lines)) if lines[n].strip() and len(lines[n]) <= MAX_LINE]
    return rng.sample(numbers, len(numbers))


def _in_line(lines: list[str], number: int, column: int) -> Cut:
    return Cut(number, column, number, len(lines[number].rstrip("\r\n")))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _bodies(lines: list[str]) -> Iterator[tuple[ast.AST, list[ast.stmt]]]:
    """The statements below each header, with what the header begins. Nothing of a file that is no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse("".join(lines))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module):
            for field in ("body", "orelse", "finalbody"):
                body = getattr(node, field, None)
                if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                    yield node, body


def _doc(body: list[ast.stmt]) -> ast.Constant | None:
    """A text that stands first."""
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.value
    return None


def _is_free(lines: list[str], body: list[ast.stmt]) -> bool:
    """Whether the block has its lines for itself."""
    first, last = body[0], body[-1]
    start, end = lines[first.lineno - 1], lines[(last.end_lineno or last.lineno) - 1]
    before, after = start[: _chars(start, first.col_offset)], end[_chars(end, last.end_col_offset or 0) :]
    return not before.strip() and not after.strip()


def _chars(line: str, n_bytes: int) -> int:
    """`ast` counts columns in bytes of UTF-8."""
    return len(line.encode()[:n_bytes].decode(errors="ignore"))
