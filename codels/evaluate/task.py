"""What sets, answers and reports say to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from codels.core import Answer, Site

Row = dict[str, Any]
"""One task's outcome as JSON; `id` is the task's."""

Ask = Callable[[Site, bool], Awaitable[Answer]]
"""What to put in at a caret. The flag: asked for by hand, so that nothing is held back."""


@dataclass(frozen=True, slots=True)
class Task:
    """A caret where `gold` stood. `facts` is what only the task's own set needs."""

    id: str
    site: Site
    gold: str
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broken:
    """A row or file of the data that cannot be used, and why."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Number:
    """A measured value; `low` and `high` are its 95 % interval where there is one. `n` tasks stand behind it."""

    name: str
    value: float
    unit: str
    n: int
    low: float | None = None
    high: float | None = None
