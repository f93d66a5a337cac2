"""Whether a suggestion adds a syntax error to the Python statement around the caret.

The statement is parsed, not the file.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from codels.core import Site

MAX_LINES = 80
"""Of a statement. In a longer one, the largest statement inside it around the caret that fits is parsed."""

_CONTINUES = re.compile(r"(?:else|elif|except|finally)\b|[)\]}#]")
"""Lines that go on with the statement above although they stand at its indentation."""


def adds_syntax_error(site: Site, text: str) -> bool:
    """True where the statement parses without `text` and no longer with it.

    A suggestion that ends in a block's header is no error for want of a body: the user is about to write that.
    """
    first_failure = None
    for statement in _statements(site):
        if any(_parses(statement.around(ending)) for ending in _endings(site, text)):
            return False
        if first_failure is None and _parses(statement.around("")):
            return True
        first_failure = statement
    return False


def _endings(site: Site, text: str) -> Iterator[str]:
    if text.rstrip().endswith(":"):
        last = (site.before + text).rstrip().rsplit("\n", 1)[-1]
        indent = last[: len(last) - len(last.lstrip())]
        yield text + " pass"
        yield f"{text} pass\n{indent}finally: pass"
    yield text


@dataclass(frozen=True, slots=True)
class _Statement:
    before: str
    after: str

    def around(self, text: str) -> str:
        return self.before + text.replace("\r\n", "\n").replace("\r", "\n") + self.after


def _statements(site: Site) -> Iterator[_Statement]:
    """The statements around the caret, the outermost that fits first."""
    lines = site.snapshot.lines
    for first, indent in reversed(list(_headers(site))):
        last = _end(lines, max(first, site.line), indent)
        if last - first < MAX_LINES:
            above = [line.removeprefix(indent) for line in lines[first : site.line]]
            below = [line.removeprefix(indent) for line in lines[site.line + 1 : last]]
            caret_line = lines[site.line]
            start = len(indent) if site.line == first or caret_line.startswith(indent) else 0
            before = "".join(above) + caret_line[start : site.column]
            yield _Statement(_unix(before), _unix(caret_line[site.column :] + "".join(below)))


def _headers(site: Site) -> Iterator[tuple[int, str]]:
    """The first lines of the statements around the caret with their indentation, innermost first."""
    lines = site.snapshot.lines
    width = len(site.indent) + 1 if site.before.strip() else len(site.indent)
    for number in range(site.line, max(-1, site.line - MAX_LINES), -1):
        line = site.text if number == site.line else lines[number]
        content = line.lstrip(" \t")
        indent = line[: len(line) - len(content)]
        is_start = content.strip() and not _CONTINUES.match(content)
        if is_start and len(indent) < width:
            width = len(indent)
            yield number, indent
        if width == 0:
            return


def _end(lines: tuple[str, ...], line: int, indent: str) -> int:
    """One past the last line of the statement at `indent` that reaches beyond `line`."""
    for number in range(line + 1, min(len(lines), line + MAX_LINES + 1)):
        content = lines[number].lstrip(" \t")
        width = len(lines[number]) - len(content)
        if content.strip() and width <= len(indent) and not (_CONTINUES.match(content) and width == len(indent)):
            return number
    return min(len(lines), line + MAX_LINES + 1)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


def _parses(source: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the user's code, such as invalid escapes
        try:
            ast.parse(source)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return False
    return True
