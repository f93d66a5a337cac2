"""Cuts holes into files: always the same ones for a seed, spread evenly over packages and files.

The first n of more holes are the same n holes, so that a longer run can go on where a shorter one ended.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TypeVar

from codels.core import Site, Snapshot
from codels.evaluate import corpus
from codels.evaluate.corpus import Source
from codels.evaluate.cuts import Cut
from codels.evaluate.task import Broken, Task
from codels.lines import split_lines

T = TypeVar("T")

FILE_CHARS = range(1500, 60_000)
"""Shorter files give no context, longer ones are mostly data."""

GAP_LINES = 30
"""At least between two holes of one file, so that they are not about the same code."""

Find = Callable[[list[str], random.Random], Iterator[Cut]]
"""Places in a file's lines that a hole of one kind may be cut into, in the order of their choice."""


@dataclass(slots=True)
class _File:
    """A file, the places not tried yet, and the lines that holes stand in."""

    source: Source
    lines: list[str]
    cuts: Iterator[Cut]
    taken: list[int]

    def next(self) -> Task | None:
        """The next hole that is far enough from the others; None where there is no more."""
        for cut in self.cuts:
            if all(abs(cut.line - line) >= GAP_LINES for line in self.taken):
                self.taken.append(cut.line)
                return _task(self.source, self.lines, cut)
        return None


def load(find: Find, data: Path, n: int, seed: int) -> tuple[list[Task], list[Broken]]:
    """Up to `n` holes, and what of the data could not be used."""
    sources, broken = corpus.load(data)
    return list(islice(holes(find, sources, seed), n)), broken


def holes(find: Find, sources: list[Source], seed: int) -> Iterator[Task]:
    """Packages take turns; in each, files take turns; a file gives holes until it has no more room."""
    packages = defaultdict(list)
    for source in sorted(sources, key=lambda source: (source.package, source.path)):
        if len(source.text) in FILE_CHARS:
            packages[source.package].append(source)
    turns = [_of_package(find, packages[name], f"{seed}/{name}") for name in _shuffled(sorted(packages), str(seed))]
    return (task for task in chain.from_iterable(zip_longest(*turns)) if task)


def _of_package(find: Find, sources: list[Source], seed: str) -> Iterator[Task]:
    files = []
    for source in _shuffled(sources, seed):
        lines = split_lines(source.text)
        files.append(_File(source, lines, find(lines, random.Random(f"{seed}/{source.path}")), []))
        if task := files[-1].next():
            yield task
    while files:
        found = [(file, file.next()) for file in files]
        yield from (task for _, task in found if task)
        files = [file for file, task in found if task]


def _shuffled(items: list[T], seed: str) -> list[T]:
    return random.Random(seed).sample(items, len(items))


def _task(source: Source, lines: list[str], cut: Cut) -> Task:
    """The file without the cut text, and the caret where it was."""
    last = lines[cut.last]
    joined = lines[cut.line][: cut.column] + last[cut.last_column :]
    kept = (*lines[: cut.line], joined, *lines[cut.last + 1 :])
    removed = [*lines[cut.line : cut.last], last[: cut.last_column]]
    removed[0] = removed[0][cut.column :]
    snapshot = Snapshot(f"file:///{source.package}/{source.path}", "python", 0, kept)
    site = Site(snapshot, cut.line, cut.column)
    return Task(f"{source.package}:{source.path}:{cut.line + 1}:{cut.column + 1}", site, "".join(removed))
