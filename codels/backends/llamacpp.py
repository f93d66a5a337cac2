"""llama.cpp through llama-cpp-python's low-level calls: our own token ids, KV reuse, slices and cancelling.

The high-level class cannot do what an editor needs: its fill-in-the-middle uses token 0 for every marker, it
logs to the console, and nothing stops it inside a prefill.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from codels.backends import LoadSpec, OnProgress, Score, Vectors
from codels.backends.answering import read, told
from codels.backends.copying import CopyModel, Lines
from codels.backends.deadline import Deadline
from codels.backends.kvcache import KvCache
from codels.backends.llamadecode import Copying, Tokens, steps
from codels.backends.llamatext import AnswerText
from codels.backends.plan import N_SLICE
from codels.cancel import CancelToken
from codels.errors import BackendMissing, Cancelled, ModelError, PromptTooLong
from codels.generation import Part, Prompt, SamplingParams, Stats, Step
from codels.machine import Devices

if TYPE_CHECKING:
    from codels.backends.llamaload import Loaded
    from codels.backends.llamavocab import Vocabulary


def load(spec: LoadSpec, on_progress: OnProgress) -> LlamaCpp:
    with _importing():
        from codels.backends import llamaembedding, llamaencoder, llamaload
    loaded = llamaload.open_planned(spec, on_progress)
    if not loaded.has_decoder:
        return llamaembedding.EmbeddingModel(spec, loaded)
    return (llamaencoder.EncoderDecoder if loaded.has_encoder else LlamaCpp)(spec, loaded)


def devices() -> Devices:
    with _importing():
        from codels.backends import llamadevices
    return llamadevices.find()


@contextmanager
def _importing() -> Iterator[None]:
    try:
        yield
    except (ImportError, OSError, RuntimeError) as error:  # the latter two from a shared library that does not fit
        from codels.backends import wheels

        remedy = wheels.import_problem(str(error))
        raise BackendMissing(f"llama-cpp-python cannot be imported ({error}); {remedy}") from error


class LlamaCpp:
    """A GGUF model. `_cached` are the tokens that the cache holds of the text at work, in order."""

    def __init__(self, spec: LoadSpec, loaded: Loaded) -> None:
        self._context = context = loaded.context
        self._vocabulary: Vocabulary = context.vocabulary
        self._cache = KvCache(context, loaded.plan.n_sequences, context.n_cells)
        self._copy_weights = spec.copy_weights
        self._n_beams = spec.beams
        self._lines = Lines(lambda line: self.tokenize(Part(line, joined=True)))
        markers = tuple(m for m in spec.markers if m in self._vocabulary.special)
        ordinary = tuple(m for m in spec.markers if self._vocabulary.has_ordinary(m))
        self.info = replace(
            loaded.info(markers),
            ordinary=ordinary,
            has_chat_template=context.has_chat_template,
            can_score=loaded.has_decoder,
            can_write=loaded.has_decoder,
            has_encoder=loaded.has_encoder,
        )

    @property
    def _cached(self) -> list[int]:
        return self._cache.tokens

    def tokenize(self, part: Part) -> list[int]:
        return self._vocabulary.tokenize(part)

    def generate(self, prompt: Prompt, params: SamplingParams, cancel: CancelToken) -> Iterator[Step]:
        clock = Deadline(params.max_ms)
        params = replace(params, avoid=self._vocabulary.alike(params.avoid))
        tokens = [token for part in prompt.parts for token in self.tokenize(part)] or self._vocabulary.start
        n_more = params.max_tokens + len(prompt.heal.encode("utf-8", "replace"))
        if len(tokens) > self._context.n_ctx - n_more:
            raise PromptTooLong(len(tokens), self._context.n_ctx - n_more)
        self._context.arm(cancel)
        n_reused = self._cache.reuse(tokens, n_more + self._context.n_branch_cells)
        why = read(self._cache, tokens, cancel, clock)
        stats = Stats(n_prompt=len(tokens), n_reused=n_reused, why_stopped=why)
        yield from told(stats, self._decode(prompt, params, cancel, clock), cancel, clock)

    def score(self, prompt: Prompt, text: str, cancel: CancelToken) -> Score:
        from codels.backends.scoring import Scoring

        tokens = [token for part in prompt.parts for token in self.tokenize(part)] or self._vocabulary.start
        scoring = Scoring(self._context, prompt, text)
        if len(tokens) + len(scoring.said) > self._context.n_ctx:
            raise PromptTooLong(len(tokens) + len(scoring.said), self._context.n_ctx)
        self._context.arm(cancel)
        self._cache.reuse(tokens, len(scoring.said))
        is_read = not read(self._cache, tokens[:-1], cancel, Deadline(0))
        score = (
            scoring.run(tokens[-1], lambda piece: self._cache.evaluate(piece, len(piece)), N_SLICE) if is_read else None
        )
        if cancel.is_cancelled:
            raise Cancelled("the scoring was cancelled")
        if score is None:
            raise ModelError(f"there is no room for {len(tokens) + len(scoring.said)} tokens to score")
        return score

    def embed(self, texts: tuple[str, ...], cancel: CancelToken) -> Vectors:
        from codels.backends.llamaembedding import embed

        return embed(self._context, texts, cancel)

    def close(self) -> None:
        self._context.close()

    def _copying(self, prompt: Prompt) -> Copying:
        if not (self._copy_weights and prompt.sources):
            return lambda _said: None
        return CopyModel(self._lines.join(prompt.sources), self._copy_weights, self._context.n_ctx).copied

    def _decode(self, prompt: Prompt, params: SamplingParams, cancel: CancelToken, clock: Deadline) -> Iterator[Step]:
        """The last step says why the answer stopped."""
        text = AnswerText(self._vocabulary.pieces, prompt, params)
        with self._context.sampler(params, prompt) as sampler:
            tokens = Tokens(sampler, self._cache, self._copying(prompt), cancel, clock)
            tokens.search(self._context, text.heal, params, self._n_beams)
            why = yield from steps(tokens, text, self._vocabulary.ends(prompt.stop))
        if not cancel.is_cancelled and (rest := text.finish()):
            yield Step(rest)
        yield Step(stats=Stats(why_stopped=why))
