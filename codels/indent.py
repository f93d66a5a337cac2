"""Indentation as the file has it: tabs or blanks."""

from __future__ import annotations

from codels.core import Site

TAB = 4
"""Columns, where blanks become tabs and tabs blanks."""

MAX_LINES = 200
"""Looked at on each side of the caret."""


def sign(site: Site) -> str:
    """A tab or a blank, by the nearest indented line, the caret's first; nothing where no line is indented."""
    if site.indent:
        return site.indent[0]
    lines = site.snapshot.lines
    near: list[int] = [
        *range(site.line - 1, max(-1, site.line - MAX_LINES), -1),
        *range(site.line + 1, min(len(lines), site.line + MAX_LINES)),
    ]
    return next((lines[n][0] for n in near if lines[n][:1] in ("\t", " ") and lines[n].strip()), "")


def is_first(site: Site) -> bool:
    """Whether nothing stands above the caret and before it that could be indented."""
    return not site.before and not any(line.strip() for line in site.snapshot.lines[: site.line])


def with_sign(line: str, sign: str) -> str:
    """The line indented by tabs or blanks; what is left over of a tab stays blank."""
    content = line.lstrip(" \t")
    columns = len(line[: len(line) - len(content)].expandtabs(TAB))
    if sign == " ":
        return " " * columns + content
    return "\t" * (columns // TAB) + " " * (columns % TAB) + content
