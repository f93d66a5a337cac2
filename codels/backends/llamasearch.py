"""`beams.first_line` over a llama.cpp context: each beam is a branch of the sequence, all evaluated in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codels.backends import beams
from codels.backends.beams import Beam, Row
from codels.backends.kvcache import KvCache
from codels.backends.llamadecode import Copying
from codels.backends.llamanative import BRANCH_ROOM, Context
from codels.backends.llamasampling import Sampler
from codels.generation import SamplingParams


class LineSearch:
    """One search, behind the prompt that is at work in `cache`, whose logits are the context's last."""

    def __init__(self, context: Context, sampler: Sampler, copying: Copying, cache: KvCache) -> None:
        self._context, self._sampler, self._copying = context, sampler, copying
        self._n_prompt, self._sequence = len(cache.tokens), cache.sequence

    def first_line(self, heal: bytes, params: SamplingParams, width: int, is_over: Callable[[], bool]) -> Beam:
        """The likeliest line, or what is found of one when `is_over` says so."""
        vocabulary = self._context.vocabulary

        def score(starts: Sequence[Beam]) -> list[Row]:
            if is_over() or not self._evaluate(starts):
                return []
            return [self._row(place, beam, params.avoid) for place, beam in enumerate(starts)]

        n_steps = min(BRANCH_ROOM, params.max_tokens + len(heal))  # a byte of `heal` takes one token at most
        self._context.fork(self._sequence)
        try:
            return beams.first_line(heal, score, (vocabulary.pieces, vocabulary.line_ends), width, n_steps)
        finally:
            self._context.prune()

    def _evaluate(self, starts: Sequence[Beam]) -> bool:
        n_said = len(starts[0].tokens)
        if not n_said:
            return True
        parents, tokens = [beam.parent for beam in starts], [beam.tokens[-1] for beam in starts]
        return self._context.branch(parents, tokens, self._n_prompt + n_said - 1)

    def _row(self, place: int, beam: Beam, avoid: tuple[int, ...]) -> Row:
        allowed = beam.spelling.allowed(self._context.vocabulary.pieces)
        index = place if beam.tokens else -1
        return self._sampler.logprobs(index, allowed, () if beam.text.strip() else avoid, self._copying(beam.tokens))
