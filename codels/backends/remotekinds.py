"""What dialects of servers have in common: each turns a prompt into a question, and an event into a `Chunk`.

Nothing that a server says is believed: numbers have limits, and what has another type than it should is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from codels.backends.remoteline import Question
from codels.generation import Prompt, SamplingParams

Event = Mapping[str, Any]
Fetch = Callable[[Question], Event]

OTHERWISE = 0.7
"""The temperature of answers other than the likeliest, where that one is known."""


@dataclass(frozen=True, slots=True)
class Token:
    """`id` is 0 where the server does not say."""

    text: str
    logprob: float = 0.0
    id: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer. `why` is `end`, `stop` or `limit` where it is over; counts are 0 where nobody knows."""

    tokens: tuple[Token, ...] = ()
    why: str = ""
    n_prompt: int = 0
    n_reused: int = 0
    has_logprobs: bool = False
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Met:
    """What a server says of itself before it is asked for code. `context_window` 0: it does not say."""

    model: str
    context_window: int = 0
    markers: Mapping[str, int] | None = None
    """Those that are single tokens of its vocabulary; None: nobody knows."""
    bos: tuple[int, ...] = ()
    has_logprobs: bool = False
    is_lean: bool = False
    """Whether it refuses what not all servers know."""


class Dialect(Protocol):
    """`markers` are those that prompts may hold."""

    def meet(self, fetch: Fetch) -> Met: ...

    def question(self, prompt: Prompt, params: SamplingParams, met: Met) -> Question: ...

    def chunk(self, event: Event) -> Chunk: ...


def spelled(text: str, tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """The tokens where they spell the text, else the text as one, as likely as they are together."""
    if "".join(token.text for token in tokens) == text:
        return tuple(token for token in tokens if token.text)
    return (Token(text, sum(token.logprob for token in tokens)),) if text else ()


def temperature(params: SamplingParams) -> float:
    """Tokens to avoid cannot be said to every server: another answer is drawn with its seed."""
    return params.temperature or (OTHERWISE if params.avoid or params.seed else 0.0)
