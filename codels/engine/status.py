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
    """`message` is for people. `fraction` of a load that is under way goes from 0 to 1; `gpu` is what takes the model,
    empty for the CPU. `notice` is a sentence that the user should see even where all goes well.
    """

    state: State
    message: str = ""
    fraction: float = 0.0
    info: ModelInfo | None = None
    gpu: str = ""
    notice: str = ""


_REMEDY = "fetch the model again in case it is damaged, or choose a smaller one in case memory is short"


def died(cause: str, loading: str) -> str:
    """What is said of an engine that is gone; `loading` names the model that it was loading, if any."""
    said = f"the engine died ({cause})"
    return with_remedy(f"{said} as it loaded {loading}") if loading else said


def with_remedy(message: str) -> str:
    return message if message.endswith(_REMEDY) else f"{message}: {_REMEDY}"
