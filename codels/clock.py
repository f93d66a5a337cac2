"""Where the milliseconds of a keystroke went."""

from __future__ import annotations

import time

from codels.core import Answer, Completion
from codels.generation import Stats


class Clock:
    """Milliseconds of each stage, summed where a stage runs again."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.stages: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now

    def answer(
        self,
        completions: tuple[Completion, ...] = (),
        reason: str = "",
        origin: str = "",
        stats: Stats | None = None,
    ) -> Answer:
        return Answer(completions, reason, origin, self.stages, stats)
