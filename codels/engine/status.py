"""How an engine is, as the editor's process sees it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from codels.backends import ModelInfo


class State(StrEnum):
    LOADING = "loading"
    READY = "ready"
    DOWN = "down"
    """Crashed, and to be restarted."""
    FAILED = "failed"
    """The model cannot be loaded; nothing happens until another one is chosen."""


@dataclass(frozen=True, slots=True)
class Status:
    """`message` is for people. `fraction` of a load that is under way goes from 0 to 1."""

    state: State
    message: str = ""
    fraction: float = 0.0
    info: ModelInfo | None = None
