"""What the evaluation sets hold, as hashes of 10-word runs, and whether a text shares one.

A word is a run of letters, digits and underscores, so layout and signs do not hide a match. A run needs five
different words and three with a letter: `0 0 0 …` and `1 2 3 …` are no one's answer.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

N_WORDS = 10
N_DISTINCT = 5
N_WITH_LETTER = 3
TESTS = "tests"
"""What the runs of this repository's own tests are called, beside the names of the evaluation sets."""

_WORD = re.compile(r"\w+")
_IMPORT = re.compile(r"^[ \t]*(?:import|from)\s[^(\n]*(?:\([^)]*\))?[^\n]*$", re.MULTILINE)
_MULTIPLIER = np.uint64(6364136223846793005)
"""Knuth's MMIX multiplier: odd, so that the polynomial hash keeps all 64 bits."""


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """All runs of the evaluation sets: word numbers, sorted hashes, and the set that each hash is from."""

    sets: list[str]
    words: dict[str, int]
    hashes: NDArray[np.uint64]
    origins: NDArray[np.uint8]

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
    origins = np.array([hashes[value] for value in ordered], dtype=np.uint8)
    return Fingerprints(list(texts), words, np.array(ordered, dtype=np.uint64), origins)


def evaluation_texts(folder: Path) -> dict[str, Iterator[str]]:
    """The texts of every evaluation set: each folder with files that `READERS` knows. Ends where there is none."""
    sets = sorted({path.parent for ending in READERS for path in folder.glob(f"*/*{ending}")})
    if not sets:
        sys.exit(f"{folder} holds no evaluation set (SET/*.jsonl.gz): pass another folder with --evaluation")
    return {path.name: _texts(path) for path in sets}


def sources_of_tests(folder: Path) -> dict[str, Iterator[str]]:
    """What stands between the imports in the sources of tests: half of all files begin with the same imports."""
    sources = (path.read_text("utf-8") for path in sorted(folder.rglob("*.py")))
    return {TESTS: (piece for source in sources for piece in _IMPORT.split(source))}


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


def _texts(folder: Path) -> Iterator[str]:
    for ending, read in READERS.items():
        for path in sorted(folder.glob(f"*{ending}")):
            yield from read(path)


def _of_rows(path: Path) -> Iterator[str]:
    """Every text of every line; a line that does not parse is named and skipped."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield from _strings(json.loads(line))
            except ValueError as error:
                print(f"{path.name}:{number}: broken row skipped ({error})", file=sys.stderr)


def _of_list(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from _strings(json.load(file))


def _of_text(path: Path) -> Iterator[str]:
    yield path.read_text("utf-8", errors="replace")


READERS = {".jsonl.gz": _of_rows, ".json.gz": _of_list, ".inp": _of_text}
"""How the files of an evaluation set are read, by the ends of their names."""


def _strings(value: object) -> Iterator[str]:
    """The texts of a JSON value. A list of short words (a cloze row's tokens) is one text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield " ".join(value)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
