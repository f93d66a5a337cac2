"""How long an answer has taken, and whether that is too long."""

from __future__ import annotations

import time


class Deadline:
    """Of an answer that begins now; `max_ms` 0 leaves it unbounded."""

    def __init__(self, max_ms: int) -> None:
        self._started = time.monotonic()
        self._max_ms = max_ms

    @property
    def is_late(self) -> bool:
        return bool(self._max_ms) and self.ms() > self._max_ms

    def ms(self) -> float:
        """Since the start of the answer."""
        return (time.monotonic() - self._started) * 1000
