"""Where a statement or a block ends, by brackets, strings and indentation. Knows no language but its comment sign."""

from __future__ import annotations

import re

from codels.core import Shape, Site

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"""|\Z)'
    r"|'''(?:\\.|[^\\])*?(?:'''|\Z)"
    r'|"(?:\\.|[^"\\\n])*(?:"|(?=\n)|\Z)'
    r"|'(?:\\.|[^'\\\n])*(?:'|(?=\n)|\Z)"
    r"|(?P<comment>\#[^\n]*|//[^\n]*)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|\\\n|(?P<newline>\n)",
    re.DOTALL,
)
_TAB = 4


def end(site: Site, text: str, shape: Shape) -> int | None:
    """The length of the part of `text` that belongs to the statement or block at the caret.

    None while it has not ended: more text may follow.
    """
    return _statement_end(site, text) if shape is Shape.LINE else _block_end(site, text)


def balance(text: str, language: str) -> int:
    """Brackets opened minus closed, outside strings and comments."""
    return sum(_change(match) for match in _tokens(text, language))


def _tokens(text: str, language: str) -> list[re.Match[str]]:
    """Brackets and line ends that count. `//` is division in Python, `#` is no comment elsewhere."""
    sign = "#" if language == "python" else "//"
    found, at = [], 0
    while match := _TOKEN.search(text, at):
        comment = match["comment"]
        if comment and not comment.startswith(sign):
            at = match.start() + 1
            continue
        if not comment:
            found.append(match)
        at = match.end()
    return found


def _change(match: re.Match[str]) -> int:
    return bool(match["open"]) - bool(match["close"])


def _statement_end(site: Site, text: str) -> int | None:
    """At the first line end outside brackets; those that the caret's line opened before the caret count too."""
    before = site.before
    depth = 0
    for match in _tokens(before + text, site.snapshot.language):
        depth += _change(match)
        if match.start() < len(before) < match.end() and "\n" in match[0]:
            return text.find("\n")  # the caret stands in a string of several lines: one of them is enough
        if match["newline"] and depth <= 0 and match.start() >= len(before):
            return match.start() - len(before)
    return None


def _block_end(site: Site, text: str) -> int | None:
    """Before the first line that is indented less than the block, or after two blank lines."""
    least = _least_indent(site)
    free_lines = _free_lines(site, text)
    n_blank, at = 0, 0
    for number, line in enumerate(text.split("\n")):
        is_whole = at + len(line) < len(text)
        if number and line.strip() and number in free_lines and _width(line) < least:
            is_closer = line.lstrip()[0] in ")]}"
            return min(at + len(line), len(text)) if is_closer and is_whole else None if is_closer else at - 1
        n_blank = 0 if line.strip() else n_blank + 1
        if number and n_blank == 2 and is_whole:
            return at - 1
        at += len(line) + 1
    return None


def _free_lines(site: Site, text: str) -> set[int]:
    """The numbers of the lines of `text` that do not begin inside a bracket or a string."""
    before = site.before
    return {0} | {
        text.count("\n", 0, match.end() - len(before))
        for match in _tokens(before + text, site.snapshot.language)
        if match["newline"] and match.start() >= len(before)
    }


def _least_indent(site: Site) -> int:
    """The indentation of the block at the caret: deeper than its header, or that of the caret."""
    if site.before.strip():
        return _width(site.indent) + 1
    for number in range(site.line - 1, -1, -1):
        line = site.snapshot.lines[number]
        if line.strip():
            return max(_width(site.indent), _width(line) + 1)
    return _width(site.indent)


def _width(line: str) -> int:
    return len(line[: len(line) - len(line.lstrip())].expandtabs(_TAB))
