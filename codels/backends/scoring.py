"""How likely a text is behind a prompt, from the logits behind each of its tokens. Imports numpy, no model library."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Protocol

from codels.backends import Score
from codels.backends.llamatext import Pieces
from codels.backends.logits import Logits, log_sum
from codels.generation import Part, Prompt

Evaluate = Callable[[list[int]], bool]
"""Reads the next tokens, and leaves the logits behind each of them; False where it was stopped."""


class Vocabulary(Protocol):
    """Of any library."""

    pieces: Pieces

    def tokenize(self, part: Part) -> list[int]: ...

    def ends(self, stop: tuple[str, ...]) -> frozenset[int]: ...


class Context(Protocol):
    """What was evaluated last."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    def logits(self, index: int) -> Logits:
        """Behind the `index`-th of the tokens evaluated last."""
        ...


class Scoring:
    """One text behind one prompt. `said` are the tokens of what the prompt heals and the text, encoded as one."""

    def __init__(self, context: Context, prompt: Prompt, text: str) -> None:
        vocabulary = context.vocabulary
        self._context = context
        self._ends = list(vocabulary.ends(prompt.stop))
        self.said = vocabulary.tokenize(Part(prompt.heal + text, joined=True))
        n_heal = len(prompt.heal.encode("utf-8", "replace"))
        ends = accumulate(len(vocabulary.pieces.of(token)) for token in self.said)
        self._n_spelled = sum(end <= n_heal for end in ends)

    def run(self, last: int, evaluate: Evaluate, n_slice: int) -> Score | None:
        """`last` is the prompt's last token, not read yet, as all before it are. None where it was stopped."""
        tokens, found = [last, *self.said], list[float]()
        for start in range(0, len(tokens), n_slice):
            piece = tokens[start : start + n_slice]
            if not evaluate(piece):
                return None
            for index in range(len(piece)):
                row = self._context.logits(index)
                following = tokens[start + index + 1 : start + index + 2] or self._ends
                found.append(log_sum(row[following]) - log_sum(row))
        return Score(tuple(found[self._n_spelled : -1]), found[-1])
