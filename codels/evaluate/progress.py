"""How far a run is, on one line of a terminal; a line now and then where there is none."""

from __future__ import annotations

import sys
import time

WIDTH = 24
"""Signs of the bar."""

EVERY_S = {True: 0.2, False: 30.0}
"""Between two updates, on a terminal and elsewhere."""


class Progress:
    """Counts from `n_before` (what an earlier run did) to `n`; draws on standard error."""

    def __init__(self, name: str, n: int, n_before: int = 0) -> None:
        self._name, self._n, self._n_before, self._n_done = name, n, n_before, n_before
        self._is_terminal = sys.stderr.isatty()
        self._started = self._drawn = time.monotonic()

    def step(self) -> None:
        self._n_done += 1
        now = time.monotonic()
        if now - self._drawn >= EVERY_S[self._is_terminal]:
            self._drawn = now
            self._draw(line(self._name, self._n_done, self._n, self._left_s(now)))

    def end(self) -> None:
        """Take the line away."""
        if self._is_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _left_s(self, now: float) -> float:
        n_here = self._n_done - self._n_before
        return (now - self._started) / n_here * (self._n - self._n_done)

    def _draw(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}" if self._is_terminal else f"{text}\n")
        sys.stderr.flush()


def line(name: str, n_done: int, n: int, left_s: float) -> str:
    n_signs = WIDTH * n_done // max(1, n)
    minutes, seconds = divmod(round(left_s), 60)
    bar = "█" * n_signs + "·" * (WIDTH - n_signs)
    return f"{name} {bar} {n_done}/{n}, {minutes}:{seconds:02} left"
