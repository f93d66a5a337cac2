"""Whether a suggestion adds a syntax error to the Python statement around the caret.

The statement is parsed, not the file. What was broken before is left alone.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator

from codels import statements
from codels.core import Site

MAX_LINES = 50
"""Of a statement. In a longer one, the largest statement inside it around the caret that fits is parsed."""

_CONTINUES = re.compile(r"(?:else|elif|except|finally)\b|[)\]}#]|\"\"\"|\'\'\'")
"""Lines that go on with the statement above although they stand at its indentation."""

_OUTSIDE = ("outside function", "outside async function", "outside loop", "properly in loop", "outside of function")
"""How messages end that are true of a part of a function and not of the function."""

_COMPOUND = re.compile(r"(?:async|def|class|if|for|while|with|try|match)\b|@")
"""Of the indented lines only these surely begin a statement: the others may stand in brackets."""


def adds_syntax_error(site: Site, text: str) -> bool:
    """True where the statement parses without `text` and no longer with it.

    A block that is still to be written is no error, before or after: not the body of a header, not the function
    below a decorator, not the end of a `try`.
    """
    around = _largest_statement(site)
    if around is None or _is_fine(site, text, around):
        return False
    return _is_fine(site, "", around) and not statements.is_in_string(site)


def _is_fine(site: Site, text: str, around: Callable[[str], str]) -> bool:
    return any(_parses(around(text + ending)) for ending in _endings(site, text))


def _endings(site: Site, text: str) -> Iterator[str]:
    """What the user may be about to write next."""
    yield ""
    last = (site.before + text).rstrip().rsplit("\n", 1)[-1]
    indent = last[: len(last) - len(last.lstrip())]
    is_header = statements.code(last, "python").rstrip().endswith(":")
    if is_header:
        yield f"\n{indent} pass"
        yield f"\n{indent} pass\n{indent}finally: pass"
        yield f"\n{indent} case _: pass"
    if last.lstrip().startswith("@"):
        yield f"\n{indent}def _(): pass"
    if site.before.lstrip().startswith("try") and not is_header:
        yield f"\n{site.indent}finally: pass"
    if not text:
        yield " _"  # the rest of an expression
        if not site.before.strip():
            yield from ("pass", "def _(): pass")


def _largest_statement(site: Site) -> Callable[[str], str] | None:
    """The outermost statement around the caret that is short enough, as a function of the text at the caret."""
    lines = site.snapshot.lines
    for first, indent in reversed(list(_headers(site)) or [(site.line, site.indent)]):
        last = _end(lines, max(first, site.line), indent)
        is_sure = not indent or _COMPOUND.match(lines[first].lstrip())
        if is_sure and last - first < MAX_LINES:
            head = "if 1:\n" if indent else ""
            before = head + _unix("".join(lines[first : site.line]) + lines[site.line][: site.column])
            after = _unix(lines[site.line][site.column :] + "".join(lines[site.line + 1 : last]))
            return lambda text: before + text + after
    return None


def _headers(site: Site) -> Iterator[tuple[int, str]]:
    """The first lines of the statements around the caret with their indentation, innermost first."""
    lines = site.snapshot.lines
    width, quote = len(site.indent) + 1, ""
    for number in range(site.line, max(-1, site.line - MAX_LINES), -1):
        line = site.text if number == site.line else lines[number].removeprefix("\ufeff")
        content = line.lstrip(" \t\f")
        if quote and line.count(quote) % 2 == 0:
            continue  # in a string of several lines
        is_end = not quote and content[:3] in ('"""', "'''") and line.count(content[:3]) % 2 == 1
        quote = content[:3] if is_end else ""
        indent = line[: len(line) - len(content)].replace("\f", "")
        if content.strip() and len(indent) < width and not _CONTINUES.match(content):
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
            compile(source, "<statement>", "exec", dont_inherit=True)
        except SyntaxError as error:
            return error.msg.endswith(_OUTSIDE)
        except (ValueError, MemoryError, RecursionError):
            return False
    return True
