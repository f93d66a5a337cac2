"""Exact and near duplicates among texts that come one after another. The shingle is a line."""

from __future__ import annotations

import hashlib

MIN_LINE = 12
"""Characters: `else:` and `return None` stand everywhere and say nothing."""


class Seen:
    """What was kept so far: the texts by their hash, their lines by theirs (64 bits: collisions do not matter)."""

    def __init__(self) -> None:
        self._texts: set[bytes] = set()
        self._lines: set[int] = set()

    def reason(self, text: str, max_share: float) -> str:
        """`duplicate`, `near duplicate` where more than `max_share` of its lines were seen, or empty."""
        if _digest(text) in self._texts:
            return "duplicate"
        lines = _lines(text)
        n_seen = sum(line in self._lines for line in lines)
        return "near duplicate" if lines and n_seen > max_share * len(lines) else ""

    def add(self, text: str) -> None:
        self._texts.add(_digest(text))
        self._lines |= _lines(text)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _lines(text: str) -> set[int]:
    return {hash(line) for part in text.splitlines() if len(line := part.strip()) >= MIN_LINE}
