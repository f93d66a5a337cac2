"""Answers already given: at the same caret, or further on in what they said ("typed-through").

An answer holds while all that it depends on is equal: model, settings, language, document, and the text on both
sides of the caret (a cache that leaves out the suffix answers for code that has changed below).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from codels.core import Completion, Site
from codels.lines import split_lines
from codels.prompt import budget

MAX_ENTRIES = 128


@dataclass(frozen=True, slots=True)
class _Entry:
    key: object
    uri: str
    line: int
    column: int
    prefix: str
    suffix: str
    completions: tuple[Completion, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    completions: tuple[Completion, ...]
    origin: str


class Cache:
    """The newest answers of all documents; the oldest fall out."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._entries: deque[_Entry] = deque(maxlen=max_entries)

    def put(
        self, key: object, site: Site, completions: tuple[Completion, ...], n_chars: int = budget.MAX_CHARS
    ) -> None:
        """Keep the answer for `site`. `key` stands for the model and the settings, `n_chars` on both sides of the caret
        must be equal: as many as a prompt can show, in files of any size.
        """
        prefix, suffix = site.prefix(n_chars), site.suffix(n_chars)
        self._entries.appendleft(_Entry(key, site.snapshot.uri, site.line, site.column, prefix, suffix, completions))

    def get(self, key: object, site: Site, n_chars: int = budget.MAX_CHARS) -> Hit | None:
        """The newest answer that still holds at `site`, or None."""
        prefix, suffix = site.prefix(n_chars), site.suffix(n_chars)
        for entry in self._entries:
            if entry.uri != site.snapshot.uri or entry.key != key or entry.suffix != suffix:
                continue
            if entry.prefix == prefix and (entry.line, entry.column) == (site.line, site.column):
                return Hit(entry.completions, "cache")
            rest = tuple(_rests(entry, site, prefix, n_chars))
            if rest:
                return Hit(rest, "typed-through")
        return None


def _rests(entry: _Entry, site: Site, prefix: str, n_chars: int) -> list[Completion]:
    """What is left of each completion of which the user has typed a true part."""
    rests = []
    for completion in entry.completions:
        n_typed = _n_typed(entry, site, completion.text)
        if 0 < n_typed < len(completion.text):
            typed = completion.text[:n_typed]
            if (entry.prefix + typed)[-n_chars:] == prefix:
                rests.append(replace(completion, text=completion.text[n_typed:]))
    return rests


def _n_typed(entry: _Entry, site: Site, text: str) -> int:
    """How far into `text` the caret stands if it was typed from the entry's caret on: its line and column say so."""
    n_lines = site.line - entry.line
    if n_lines == 0:
        return site.column - entry.column
    lines = split_lines(text)
    return sum(map(len, lines[:n_lines])) + site.column if 0 < n_lines < len(lines) else -1
