"""What rows of tests are written with: a caret drawn into text."""

from __future__ import annotations

from codels.core import Site, Snapshot
from codels.lines import split_lines

CARET = "‸"


def site(text: str, language: str = "python", version: int = 1, uri: str = "file:///project/app.py") -> Site:
    """The caret that `‸` draws into `text`."""
    before, drawn, after = text.partition(CARET)
    assert drawn, f"no {CARET} in {text!r}"
    assert CARET not in after, f"two of {CARET} in {text!r}"
    line = len(split_lines(before)) - 1
    lines = tuple(split_lines(before + after))
    return Site(Snapshot(uri, language, version, lines), line, len(split_lines(before)[-1]))


def drawn(at: Site) -> str:
    """The inverse of `site`."""
    lines = list(at.snapshot.lines)
    lines[at.line] = lines[at.line][: at.column] + CARET + lines[at.line][at.column :]
    return "".join(lines)
