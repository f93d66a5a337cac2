"""How far a download is: bytes, rate and time left, told a few times a second."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from codels.sizes import size_text

WINDOW_S = 10.0
"""The rate is that of the last seconds: a download that got slow is not shown as fast."""

EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """`bytes_per_s` is 0 until something has come."""

    name: str
    done_bytes: int
    total_bytes: int
    bytes_per_s: float

    @property
    def left_s(self) -> float:
        """Seconds; infinite without a rate."""
        return (self.total_bytes - self.done_bytes) / self.bytes_per_s if self.bytes_per_s else float("inf")


class Meter:
    """Told of every piece, reports at once, then every `EVERY_S` seconds and at the end. `clock` in seconds."""

    def __init__(
        self, name: str, total: int, report: Callable[[Progress], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._total = total
        self._report = report
        self._clock = clock
        self._points: deque[tuple[float, int]] = deque()

    def update(self, done: int) -> None:
        now = self._clock()
        if self._points and now - self._points[-1][0] < EVERY_S and done < self._total:
            return
        self._points.append((now, done))
        while now - self._points[0][0] > WINDOW_S:
            self._points.popleft()
        since, before = self._points[0]
        rate = max(0.0, (done - before) / (now - since)) if now > since else 0.0
        self._report(Progress(self._name, done, self._total, rate))


def line(progress: Progress) -> str:
    """`m.gguf 45 %, 1.2 of 2.7 GB, 12.3 MB/s, 2:05 left`."""
    percent = 100 * progress.done_bytes // max(1, progress.total_bytes)
    text = f"{progress.name} {percent} %, {size_text(progress.done_bytes)} of {size_text(progress.total_bytes)}"
    if not progress.bytes_per_s:
        return text
    minutes, seconds = divmod(round(progress.left_s), 60)
    return f"{text}, {size_text(int(progress.bytes_per_s))}/s, {minutes}:{seconds:02} left"
