"""What the evaluation sets hold, as hashes of 10-word runs, and whether a text shares one.

A word is a run of letters, digits and underscores, so layout and signs do not hide a match. A run needs five
different words and three with a letter: `0 0 0 …` and `1 2 3 …` are no one's answer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_WORDS = 10
N_DISTINCT = 5
N_WITH_LETTER = 3
_WORD = re.compile(r"\w+")
_MULTIPLIER = np.uint64(6364136223846793005)
"""Knuth's MMIX multiplier: odd, so that the polynomial hash keeps all 64 bits."""


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """All runs of the evaluation sets: word numbers, sorted hashes, and the set that each hash is from."""

    sets: list[str]
    words: dict[str, int]
    hashes: NDArray[np.uint64]
    origins: NDArray[np.uint16]

    @property
    def sha256(self) -> str:
        """Of all that decides what matches: hashes are made of the words' numbers, so the words belong to it."""
        return hashlib.sha256("\n".join(self.words).encode() + b"\0" + self.hashes.tobytes()).hexdigest()

    def match(self, text: str) -> str | None:
        """The evaluation set that `text` shares a run with."""
        numbers = np.array([self.words.get(word, 0) for word in _WORD.findall(text)], dtype=np.uint64)
        hashes = _rolling(numbers)
        if not len(hashes) or not len(self.hashes):
            return None
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        found = np.flatnonzero(self.hashes[at] == hashes)
        return self.sets[self.origins[at[found[0]]]] if len(found) else None


def fingerprints(texts: dict[str, Iterator[str]]) -> Fingerprints:
    """Of the texts of each set, by the set's name."""
    words: dict[str, int] = {}
    hashes: dict[int, int] = {}
    for origin, rows in enumerate(texts.values()):
        for text in rows:
            run = _WORD.findall(text)
            numbers = np.array([words.setdefault(word, len(words) + 1) for word in run], dtype=np.uint64)
            for start, value in enumerate(_rolling(numbers).tolist()):
                if _is_telling(run[start : start + N_WORDS]):
                    hashes.setdefault(value, origin)
    ordered = sorted(hashes)
    origins = np.array([hashes[value] for value in ordered], dtype=np.uint16)
    return Fingerprints(list(texts), words, np.array(ordered, dtype=np.uint64), origins)


def _is_telling(run: list[str]) -> bool:
    return len(set(run)) >= N_DISTINCT and sum(any(c.isalpha() for c in word) for word in run) >= N_WITH_LETTER


def _rolling(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    n = len(numbers) - N_WORDS + 1
    if n <= 0:
        return np.zeros(0, dtype=np.uint64)
    value = np.zeros(n, dtype=np.uint64)
    for shift in range(N_WORDS):
        value = value * _MULTIPLIER + numbers[shift : shift + n]
    return value
