"""Texts to vectors: a context of its own for as long as it takes, so that what completion has read stays. Imports the
library.

Pooled as the model's file says (mean, first or last token); by the mean where it says nothing.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import llama_cpp as llama
import numpy as np

from codels.backends import Vectors, llamaabort, llamabatch, llamalog, llamalora
from codels.backends.llamacpp import LlamaCpp
from codels.backends.llamanative import Context
from codels.cancel import CancelToken
from codels.errors import Cancelled, ModelError, PromptTooLong
from codels.generation import Step

BATCH_TOKENS = 512
"""Of one call, unless a text is longer: each text must be in one call as a whole."""

BATCH_TEXTS = 16

_Vector = tuple[float, ...]


class EmbeddingModel(LlamaCpp):
    """A model whose only answers are vectors."""

    def generate(self, *_arguments: object, **_named: object) -> Iterator[Step]:
        raise ModelError(
            f"{self.info.description} turns text into vectors and writes none: choose another model for completion"
        )


def embed(context: Context, texts: Sequence[str], cancel: CancelToken) -> Vectors:
    """Vectors of norm 1. Raises `PromptTooLong` for the first text that is longer than the context window: half a text
    would have another vector.
    """
    tokens = [context.vocabulary.whole(text) for text in texts]
    for each in tokens:
        if len(each) > context.n_ctx:
            raise PromptTooLong(len(each), context.n_ctx)
    if not tokens:
        return ()
    # llama.cpp (0.3.36) plans a context for equally long texts, and aborts where its batch is not a multiple of them.
    n_tokens = BATCH_TEXTS * math.ceil(max(BATCH_TOKENS, *map(len, tokens)) / BATCH_TEXTS)
    found: list[_Vector] = []
    with _opened(context, n_tokens, cancel) as run:
        for batch in _packed(tokens, n_tokens):
            if cancel.is_cancelled:
                break
            found += run.vectors(batch)
    if len(found) < len(tokens):
        raise Cancelled("the embedding was cancelled")
    return tuple(found)


def _packed(tokens: Sequence[list[int]], n_tokens: int) -> Iterator[list[list[int]]]:
    """Neighbours together, as many as one call takes."""
    batch: list[list[int]] = []
    for each in tokens:
        if len(batch) == BATCH_TEXTS or sum(map(len, batch)) + len(each) > n_tokens:
            yield batch
            batch = []
        batch.append(each)
    yield batch


class _Run:
    """A context of the library that is made for vectors."""

    def __init__(self, model: Any, handle: Any) -> None:
        self._handle = handle
        self._width = llama.llama_model_n_embd_out(model)
        self._memory = llama.llama_get_memory(handle)
        has_encoder = llama.llama_model_has_encoder(model) or not self._memory
        self._read = llama.llama_encode if has_encoder else llama.llama_decode

    def vectors(self, texts: Sequence[list[int]]) -> list[_Vector]:
        """One of each text, each a sequence of its own; none where it was aborted."""
        llama.llama_memory_clear(self._memory, True)
        rows = [(token, n, (sequence,)) for sequence, each in enumerate(texts) for n, token in enumerate(each)]
        with llamabatch.batch(rows) as batch:
            answer = self._read(self._handle, batch)
        if answer not in (0, 2):
            raise ModelError(f"llama.cpp failed to embed {len(rows)} tokens (it answered {answer})")
        return [] if answer else [self._vector(sequence) for sequence in range(len(texts))]

    def _vector(self, sequence: int) -> _Vector:
        row = np.ctypeslib.as_array(llama.llama_get_embeddings_seq(self._handle, sequence), (self._width,))
        wide = row.astype(np.float64)
        return tuple((wide / (np.linalg.norm(wide) or 1.0)).tolist())


@contextmanager
def _opened(context: Context, n_tokens: int, cancel: CancelToken) -> Iterator[_Run]:
    model, main = context.native
    params = llama.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = n_tokens
    params.n_seq_max = BATCH_TEXTS
    params.kv_unified = True
    params.embeddings = True
    params.pooling_type = _pooling(model)
    params.n_threads = params.n_threads_batch = llama.llama_n_threads(main)
    params.no_perf = True
    llamalog.listen()
    handle = llama.llama_init_from_model(model, params)
    if not handle:
        raise ModelError(
            f"there is no memory to embed texts of up to {n_tokens} tokens ({llamalog.reason()}); give it shorter "
            "ones, or close other programs"
        )
    try:
        llamalora.use(handle, context.adapters)
        flag = llamaabort.arm(handle, cancel)  # lives for as long as the context may read it
        yield _Run(model, handle)
        del flag
    finally:
        llama.llama_free(handle)


def _pooling(model: Any) -> int:
    """What the file says. Raises `ModelError` for models that judge pairs of texts."""
    said = int(_metadata(model, f"{_metadata(model, 'general.architecture')}.pooling_type") or 0)
    if said == llama.LLAMA_POOLING_TYPE_RANK:
        raise ModelError("this model ranks texts, and makes no vectors; choose a model for embeddings")
    return said if said > llama.LLAMA_POOLING_TYPE_NONE else int(llama.LLAMA_POOLING_TYPE_MEAN)


def _metadata(model: Any, key: str) -> str:
    """As text; empty where the file does not have it."""
    buffer = ctypes.create_string_buffer(128)
    n = llama.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if n >= 0 else ""
