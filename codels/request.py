"""What a completer is asked, of which model, and through what."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from codels.cancel import CancelToken
from codels.core import Site
from codels.gate import Gate
from codels.generation import Prompt, SamplingParams, Step
from codels.prompt import Family, Order
from codels.prompt.budget import MAX_CHARS
from codels.settings import Settings


class Engine(Protocol):
    """What the completer needs of the engine."""

    def generate(
        self, prompt: Prompt, params: SamplingParams, cancel: CancelToken, is_explicit: bool
    ) -> AsyncGenerator[Step]: ...


@dataclass(frozen=True, slots=True)
class Model:
    """The loaded model as prompts need it. `languages` empty means any."""

    id: str
    family: Family
    order: Order
    context_window: int
    languages: frozenset[str] = frozenset()
    gate: Gate | None = None
    copies: bool = False
    """Whether its decoding profits from texts to copy from."""
    max_chars: int = MAX_CHARS
    """Of a prompt, whatever its window could hold; 0: as many as that."""
    heals: bool = True
    """Whether its decoding spells again what stands before a caret inside a token."""


@dataclass(frozen=True, slots=True)
class Request:
    """One caret to answer. `is_explicit`: asked for by hand."""

    site: Site
    model: Model
    settings: Settings
    is_explicit: bool
    cancel: CancelToken
