"""transformers and torch: decoder-only models from a folder on this machine, with everything that typing needs.

Not `generate` of the library: a cancel would wait for the whole prompt, and keys and values would not stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from codels.backends import LoadSpec, OnProgress, Score, Vectors
from codels.backends.answering import read, told
from codels.backends.deadline import Deadline
from codels.backends.hfplan import N_SEQUENCES
from codels.backends.kvcache import KvCache
from codels.backends.llamadecode import Tokens, steps
from codels.backends.llamatext import AnswerText
from codels.backends.plan import N_SLICE
from codels.cancel import CancelToken
from codels.errors import BackendMissing, Cancelled, PromptTooLong, UserError
from codels.generation import Part, Prompt, SamplingParams, Stats, Step

if TYPE_CHECKING:
    from codels.backends import ModelInfo
    from codels.backends.hfmodel import Context


def load(spec: LoadSpec, on_progress: OnProgress) -> Transformers:
    try:
        from codels.backends import hfload
    except (ImportError, OSError, RuntimeError) as error:  # the latter two from a shared library that does not fit
        raise BackendMissing(
            f'transformers and torch cannot be imported ({error}); `pip install "codels[transformers]"` installs them'
        ) from error
    return Transformers(*hfload.open_planned(spec, on_progress))


class Transformers:
    """A model of a folder."""

    def __init__(self, context: Context, info: ModelInfo) -> None:
        self._context = context
        self._vocabulary = context.vocabulary
        self._cache = KvCache(context, N_SEQUENCES, context.plan.n_cells)
        self.info = info

    def tokenize(self, part: Part) -> list[int]:
        return self._vocabulary.tokenize(part)

    def generate(self, prompt: Prompt, params: SamplingParams, cancel: CancelToken) -> Iterator[Step]:
        clock = Deadline(params.max_ms)
        if params.grammar:
            raise UserError("answers held to a grammar need a model of llama.cpp's: choose a .gguf file")
        params = replace(params, avoid=self._vocabulary.alike(params.avoid))
        tokens = self._tokens(prompt)
        n_more = params.max_tokens + len(prompt.heal.encode("utf-8", "replace"))
        if len(tokens) > self._context.n_ctx - n_more:
            raise PromptTooLong(len(tokens), self._context.n_ctx - n_more)
        self._context.arm(cancel)
        n_reused = self._cache.reuse(tokens, n_more)
        why = read(self._cache, tokens, cancel, clock)
        stats = Stats(n_prompt=len(tokens), n_reused=n_reused, why_stopped=why)
        yield from told(stats, self._decode(prompt, params, cancel, clock), cancel, clock)

    def score(self, prompt: Prompt, text: str, cancel: CancelToken) -> Score:
        from codels.backends.scoring import Scoring

        tokens, scoring = self._tokens(prompt), Scoring(self._context, prompt, text)
        n_all = len(tokens) + len(scoring.said)
        if n_all > self._context.n_ctx:
            raise PromptTooLong(n_all, self._context.n_ctx)
        self._context.arm(cancel)
        self._cache.reuse(tokens, len(scoring.said))
        score = None
        if not read(self._cache, tokens[:-1], cancel, Deadline(0)):
            score = scoring.run(tokens[-1], lambda piece: self._cache.evaluate(piece, len(piece)), N_SLICE)
        if score is None or cancel.is_cancelled:
            raise Cancelled("the scoring was cancelled")
        return score

    def embed(self, texts: tuple[str, ...], cancel: CancelToken) -> Vectors:
        """Means over a text's tokens: of a model that was not trained for vectors, as llama.cpp's are."""
        import numpy as np

        tokens = [self._vocabulary.whole(text) for text in texts]
        for each in tokens:
            if len(each) > self._context.n_ctx:
                raise PromptTooLong(len(each), self._context.n_ctx)
        self._context.arm(cancel)
        wide = [self._context.vector(each).astype(np.float64) for each in tokens]
        return tuple(tuple((row / (np.linalg.norm(row) or 1.0)).tolist()) for row in wide)

    def close(self) -> None:
        self._context.close()

    def _tokens(self, prompt: Prompt) -> list[int]:
        return [token for part in prompt.parts for token in self.tokenize(part)] or self._vocabulary.start

    def _decode(self, prompt: Prompt, params: SamplingParams, cancel: CancelToken, clock: Deadline) -> Iterator[Step]:
        """The last step says why the answer stopped."""
        from codels.backends.hfmodel import Sampler

        text = AnswerText(self._vocabulary.pieces, prompt, params)
        tokens = Tokens(Sampler(self._context, params), self._cache, lambda _said: None, cancel, clock)
        why = yield from steps(tokens, text, self._vocabulary.ends(prompt.stop))
        if not cancel.is_cancelled and (rest := text.finish()):
            yield Step(rest)
        yield Step(stats=Stats(why_stopped=why))
