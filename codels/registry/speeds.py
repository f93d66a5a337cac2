"""How fast models were on this machine's CPU: left behind by whoever used one, for whoever chooses the next time."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from pathlib import Path

import platformdirs

from codels import records
from codels.generation import Stats

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
class SpeedMeter:
    """Sums up answers of the model file at `path`, loaded with so many threads."""

    path: Path
    threads: int
    n_read: int = 0
    read_ms: float = 0.0
    n_written: int = 0
    written_ms: float = 0.0

    def add(self, stats: Stats) -> None:
        if stats.why_stopped != "cancelled":  # else nobody knows how much of it was read
            self.n_read += stats.n_prompt - stats.n_reused
            self.read_ms += stats.prefill_ms
            self.n_written += stats.n_decoded
            self.written_ms += stats.decode_ms

    def save(self) -> None:
        """Where enough was seen."""
        if self.n_read >= MIN_READ and self.n_written >= MIN_WRITTEN and self.read_ms > 0 and self.written_ms > 0:
            per_ms = self.n_read / self.read_ms, self.n_written / self.written_ms
            write(self.path, Speed(self.threads, 1000 * per_ms[0], 1000 * per_ms[1]))


def read() -> dict[str, Speed]:
    """All that is known, by `key`; nothing where the file is not there or not readable."""
    try:
        data = records.load(_file())
        return {key: Speed(int(row[0]), float(row[1]), float(row[2])) for key, row in data.items()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return {}


def write(path: Path, speed: Speed) -> None:
    """Remember the best speed of the model file at `path`; a busy hour says nothing. Never raises."""
    try:
        rows = read()
        former = rows.pop(key(path), speed)
        rows[key(path)] = _best(former, speed) if former.threads == speed.threads else speed
        records.save(_file(), {name: astuple(row) for name, row in list(rows.items())[-MAX_KEPT:]})
    except OSError:
        return


def key(path: Path) -> str:
    """A file by its path and size: another file in its place was not measured."""
    return f"{path} {path.stat().st_size}"


def _best(one: Speed, other: Speed) -> Speed:
    read_per_s = max(one.read_per_s, other.read_per_s)
    return Speed(one.threads, read_per_s, max(one.written_per_s, other.written_per_s))


def _file() -> Path:
    return platformdirs.user_cache_path("codels", appauthor=False) / "speeds.json"
