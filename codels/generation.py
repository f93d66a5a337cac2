"""What goes to a model, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a prompt. Only a special part becomes a marker token; user text never does.

    `joined` asks tokenizers that put a blank before every text (SentencePiece) to leave it out here.
    """

    text: str
    special: bool = False
    joined: bool = False


BOS = Part("", special=True)
"""Stands for the model's own begin-of-sequence token, whatever its text is."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model reads, and `heal`: the start that decoding must spell again before it says something new.

    `stop` are markers: the answer ends where the model says one of them.
    """

    parts: tuple[Part, ...]
    heal: str = ""
    stop: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """Texts that decoding may copy from; the last one ends where the answer begins."""
    opening: str = ""
    """The marker that an encoder–decoder's answer begins with; others do not need it."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to decode. `temperature` 0 is greedy; `max_ms` bounds one answer, 0 leaves it unbounded.

    `stop` are texts: the answer ends before the first of them. `avoid` are tokens that do not begin it, for answers
    other than those that there are; a backend may choose between ignoring them and `seed`.
    """

    max_tokens: int = 64
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    seed: int = 0
    max_ms: int = 0
    avoid: tuple[int, ...] = ()
    grammar: str = ""
    """GBNF with a rule `root`, which the answer is held to, and is in as a whole where it stops by its `end`. What is
    no such grammar is a `UserError`. The scripted model has its own mind."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What one answer cost. `n_reused` of the `n_prompt` tokens came from the KV cache; tokenizing is prefill."""

    n_prompt: int = 0
    n_reused: int = 0
    n_decoded: int = 0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    why_stopped: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of an answer: `text`, and of each of its tokens the natural log-probability and where in `text` it ends.

    `stats` are the answer's so far. Only the last step says why the answer stopped, and it says nothing else.
    """

    text: str = ""
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    ends: tuple[int, ...] = ()
    stats: Stats = Stats()

    @staticmethod
    def of(text: str, token_id: int, logprob: float, stats: Stats = Stats()) -> Step:
        """What one token says."""
        return Step(text, (token_id,), (logprob,), (len(text),), stats)

    @property
    def first(self) -> tuple[int, ...]:
        """The token that the text begins with, or the one that ended the answer before there was any."""
        starts = (token for token, end in zip(self.token_ids, self.ends, strict=False) if end)
        return tuple(islice(starts, 1)) or self.token_ids[-1:]

    def __add__(self, later: Step) -> Step:
        """Both as one."""
        return Step(
            self.text + later.text,
            self.token_ids + later.token_ids,
            self.logprobs + later.logprobs,
            self.ends + tuple(len(self.text) + end for end in later.ends),
            later.stats,
        )

    def logprob(self, n_chars: int) -> float:
        """Of the tokens that say the first `n_chars`, also in part; of them all, its end too, for the whole text."""
        if n_chars >= len(self.text):
            return sum(self.logprobs)
        starts = (0, *self.ends)
        return sum(p for start, p in zip(starts, self.logprobs, strict=False) if start < n_chars)

    @property
    def is_last(self) -> bool:
        return bool(self.stats.why_stopped)
