"""How fast models were on this machine's CPU: left behind by whoever used one, for whoever chooses the next time."""

from __future__ import annotations

import json
import os
from dataclasses import astuple, dataclass
from pathlib import Path

import platformdirs

MIN_READ, MIN_WRITTEN = 100, 16
"""Tokens below which a measurement says more about the start than about the model."""

MAX_KEPT = 200


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second: read of a prompt, and written. `threads` on the CPU."""

    threads: int
    read_per_s: float
    written_per_s: float


@dataclass(slots=True)
class Meter:
    """Sums up answers of one loaded model."""

    n_read: int = 0
    read_ms: float = 0.0
    n_written: int = 0
    written_ms: float = 0.0

    def add(self, n_read: int, read_ms: float, n_written: int, written_ms: float) -> None:
        self.n_read += n_read
        self.read_ms += read_ms
        self.n_written += n_written
        self.written_ms += written_ms

    def speed(self, threads: int) -> Speed | None:
        """None where too little was seen."""
        if self.n_read < MIN_READ or self.n_written < MIN_WRITTEN or not (self.read_ms > 0 and self.written_ms > 0):
            return None
        return Speed(threads, 1000 * self.n_read / self.read_ms, 1000 * self.n_written / self.written_ms)


def read() -> dict[str, Speed]:
    """All that is known, by `key`; nothing where the file is not there or not readable."""
    try:
        data = json.loads(_file().read_text("utf-8"))
        return {key: Speed(int(row[0]), float(row[1]), float(row[2])) for key, row in data.items()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return {}


def write(path: Path, speed: Speed) -> None:
    """Remember the newest speed of the model file at `path`. What cannot be written is forgotten."""
    try:
        rows = {**read(), key(path): speed}
        newest = dict(list(rows.items())[-MAX_KEPT:])
        _file().parent.mkdir(parents=True, exist_ok=True)
        part = _file().with_name(f"{_file().name}.{os.getpid()}.part")
        part.write_text(json.dumps({name: astuple(row) for name, row in newest.items()}, indent=1) + "\n", "utf-8")
        part.replace(_file())
    except OSError:
        return


def key(path: Path) -> str:
    """A file by its path and size: another file in its place was not measured."""
    return f"{path} {path.stat().st_size}"


def _file() -> Path:
    return platformdirs.user_cache_path("codels", appauthor=False) / "speeds.json"
