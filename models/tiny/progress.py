"""Where a run stands, and where a phase of it ends."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of the whole run; those named `phase_` begin again with the decay phase. Seconds are of training only."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    phase_tokens: int = 0
    phase_seconds: float = 0.0

    def after(self, n_tokens: int, seconds: float) -> Progress:
        return Progress(
            self.step + 1,
            self.tokens + n_tokens,
            self.seconds + seconds,
            self.phase_tokens + n_tokens,
            self.phase_seconds + seconds,
        )

    def as_new_phase(self) -> Progress:
        return dataclasses.replace(self, phase_tokens=0, phase_seconds=0.0)

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Phase:
    """A constant phase, with an end or without, of which the last share may decay: `decay` is 1 where all of it does.

    Ends by tokens or by seconds, what comes first.
    """

    tokens: float | None = None
    seconds: float | None = None
    decay: float = 0.0

    @property
    def has_both(self) -> bool:
        """Whether the rate is constant first and falls then."""
        return 0 < self.decay < 1

    @property
    def is_open(self) -> bool:
        return self.tokens is None and self.seconds is None

    def share(self, progress: Progress) -> float:
        """How much of the phase is over; 1 at its end."""
        by_tokens = progress.phase_tokens / self.tokens if self.tokens else 0.0
        by_seconds = progress.phase_seconds / self.seconds if self.seconds else 0.0
        return max(by_tokens, by_seconds)

    def rate(self, progress: Progress) -> float:
        """The share of the full learning rate: all of it, then linear to 0 at the end."""
        return max(0.0, min(1.0, (1.0 - self.share(progress)) / self.decay)) if self.decay else 1.0
