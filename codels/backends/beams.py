"""Beam search for the first line of an answer: the likeliest line, where greedy decoding takes the likeliest token.

A caret asks for a line, and a small model's best line often begins with its second-best token. Several starts of the
line grow side by side, one token a step, until none of them can become likelier than the best that has ended. Knows
no library: `Score` evaluates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest

import numpy as np
import numpy.typing as npt

from codels.backends.llamatext import Pieces, Spelling

Row = npt.NDArray[np.float32]
"""Log-probabilities of shape (vocabulary,)."""


@dataclass(frozen=True, slots=True)
class Beam:
    """A start of an answer: `spelling` is how far healing is, `text` is new."""

    spelling: Spelling
    text: bytes = b""
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    logprob: float = 0.0
    parent: int = 0
    """Its place among the beams of the step before."""

    def grown(self, token: int, logprob: float, piece: bytes, parent: int) -> Beam:
        spelling, new = self.spelling.spell(piece)
        tokens, logprobs = (*self.tokens, token), (*self.logprobs, logprob)
        return Beam(spelling, self.text + new, tokens, logprobs, self.logprob + logprob, parent)


Score = Callable[[Sequence[Beam]], Sequence[Row]]
"""The distribution behind each beam; none where it was cancelled, is late or has no room."""


@dataclass(slots=True)
class _Ended:
    """Lines that have ended, by their text. Tokens can spell one in several ways, and all of them count."""

    best: dict[bytes, Beam] = field(default_factory=dict)
    logprobs: dict[bytes, float] = field(default_factory=dict)

    def add(self, beam: Beam) -> None:
        text = beam.text.partition(b"\n")[0].rstrip()
        known = self.best.get(text)
        if known is None or beam.logprob > known.logprob:
            self.best[text] = beam
        self.logprobs[text] = float(np.logaddexp(self.logprobs.get(text, -math.inf), beam.logprob))


def first_line(heal: bytes, score: Score, words: tuple[Pieces, list[int]], width: int, n_steps: int) -> Beam:
    """The likeliest first line, with the token that ends it. Of a search that is interrupted, or has no steps left, a
    line only begun may be the likelier one.

    `words` are the vocabulary's pieces, and the tokens that end a line, which count as one: how it ends is no doubt
    about the line. The last log-probability holds what other spellings of the line add to it.
    """
    pieces, line_ends = words
    answer_ends = [token for token in line_ends if not pieces.of(token)]
    ended, beams = _Ended(), [Beam(Spelling.of(heal))]
    for _ in range(n_steps):
        rows = score(beams)
        if not rows:
            break
        grown: list[Beam] = []
        for place, (beam, row) in enumerate(zip(beams, rows, strict=True)):
            if beam.spelling.is_done:
                enders = answer_ends if beam.spelling.is_line_start else line_ends
                if row[enders].max(initial=-np.inf) > -np.inf:
                    ended.add(_with_end(beam, row, enders, place))
                row[enders] = -np.inf
            for token in _top(row, width):
                longer = beam.grown(token, float(row[token]), pieces.of(token), place)
                if b"\n" in longer.text:
                    ended.add(longer)
                else:
                    grown.append(longer)
        beams = nlargest(width, grown, key=lambda beam: beam.logprob)
        if not beams or not _can_win(beams[0], ended):
            return _whole(ended)
    return beams[0] if _can_win(beams[0], ended) else _whole(ended)


def _can_win(beam: Beam, ended: _Ended) -> bool:
    """It is likelier than every line that has ended; it can only become less so."""
    return beam.logprob > max(ended.logprobs.values(), default=-math.inf)


def _with_end(beam: Beam, row: Row, enders: list[int], place: int) -> Beam:
    """The beam, ended by the likeliest of these tokens, with the chance of them all."""
    token = enders[int(row[enders].argmax())]
    return beam.grown(token, float(np.logaddexp.reduce(row[enders])), b"", place)


def _top(row: Row, n: int) -> list[int]:
    n = min(n, len(row))
    best = np.argpartition(row, -n)[-n:]
    return [int(token) for token in best if row[token] > -np.inf]


def _whole(ended: _Ended) -> Beam:
    """The likeliest line, in its likeliest spelling."""
    text = max(ended.logprobs, key=ended.logprobs.__getitem__)
    beam, total = ended.best[text], ended.logprobs[text]
    *others, last = beam.logprobs
    return replace(beam, logprobs=(*others, min(0.0, last + total - beam.logprob)), logprob=total)
