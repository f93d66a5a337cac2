"""Where lines end: at `\\n`, `\\r\\n` and `\\r`, and nowhere else.

`str.splitlines` also splits at form feeds and other signs, which shifts every line below in an editor's eyes.
"""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")


def split_lines(text: str) -> list[str]:
    """The lines of `text` with their ends; the last one has none and may be empty, so there is always one."""
    if "\r" not in text:
        lines = text.split("\n")
        return [*(line + "\n" for line in lines[:-1]), lines[-1]]
    lines = _LINE.findall(text)
    return [*lines, text[sum(map(len, lines)) :]]
