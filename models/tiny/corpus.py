"""The text shards that prepare.py wrote, mapped into memory: any file, or the lines around any byte of it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Whole lines of one file around a focus (an offset into `text`)."""

    text: str
    focus: int
    file: int
    has_end: bool


class Corpus:
    """The files of one split, numbered over all its shards in order. Ends with a sentence where it has no text."""

    def __init__(self, folder: Path, split: str) -> None:
        self.place = f"the {split} split of {folder}"
        shards = sorted(folder.glob(f"{split}*.files.json"))
        if not shards:
            sys.exit(f"{folder} holds no prepared {split} shard: run prepare.py first")
        self.names: list[tuple[str, str]] = []
        self._maps: list[NDArray[np.uint8]] = []
        self._shard: list[int] = []
        self._start: list[int] = []
        sizes: list[int] = []
        for number, path in enumerate(shards):
            start = 0
            for package, name, n_bytes in json.loads(path.read_text("utf-8")):
                self.names.append((package, name))
                self._shard.append(number)
                self._start.append(start)
                sizes.append(n_bytes)
                start += n_bytes
            text_path = path.with_name(path.name.replace(".files.json", ".utf8"))
            self._maps.append(_mapped(text_path))
            if len(self._maps[-1]) != start:
                sys.exit(f"{text_path} has not the {start} bytes of its list: delete both and run prepare.py again")
        if not any(sizes):
            sys.exit(f"{self.place} holds no text at all: give prepare.py a corpus with some")
        self._sizes = sizes
        self._ends = np.cumsum(np.array(sizes, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def n_bytes(self) -> int:
        return int(self._ends[-1])

    def file_at(self, byte: int) -> tuple[int, int]:
        """The file that holds a byte of the whole split, and the offset of that byte in it."""
        number = int(np.searchsorted(self._ends, byte, side="right"))
        return number, byte - (int(self._ends[number]) - self._sizes[number])

    def size(self, number: int) -> int:
        return self._sizes[number]

    def text(self, number: int) -> str:
        return self._decode(number, 0, self._sizes[number])

    def excerpt(self, number: int, byte: int, radius: int) -> Excerpt:
        """The lines of a file that lie within `radius` bytes of `byte`."""
        start, stop = max(0, byte - radius), min(self._sizes[number], byte + radius)
        before, after = self._decode(number, start, byte), self._decode(number, byte, stop)
        has_end = stop == self._sizes[number]
        if start > 0:
            before = before[before.find("\n") + 1 :]
        if not has_end and "\n" in after:
            after = after[: after.rfind("\n") + 1]
        return Excerpt(before + after, len(before), number, has_end)

    def _decode(self, number: int, start: int, stop: int) -> str:
        base = self._start[number]
        content = self._maps[self._shard[number]][base + start : base + stop]
        return content.tobytes().decode("utf-8", errors="ignore")


def _mapped(path: Path) -> NDArray[np.uint8]:
    """The bytes of a file; none of one that is empty, which cannot be mapped, or is not there."""
    is_there = path.exists() and path.stat().st_size > 0
    return np.memmap(path, dtype=np.uint8, mode="r") if is_there else np.zeros(0, dtype=np.uint8)
