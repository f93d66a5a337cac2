"""Greedy answers of llama.cpp with keys and values in F32, so that only the weights' format can change an answer.

codels itself runs with llama.cpp's default, F16 keys and values, which moves logits by some thousandths.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

import llama_cpp as llama
import numpy as np

from codels.backends.llamavocab import Vocabulary

GGML_TYPE_F32 = 0
FLASH_ATTENTION_OFF = 0
MAX_CONTEXT = 4096


class Greedy:
    """One GGUF file, one sequence."""

    def __init__(self, path: Path, threads: int) -> None:
        llama.llama_log_set(_ignore, ctypes.c_void_p(0))
        params = llama.llama_model_default_params()
        params.n_gpu_layers = 0
        params.use_extra_bufts = False  # the AMX kernels among them die on some machines (see codels.backends)
        self._model = llama.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            sys.exit(f"{path} cannot be loaded by llama.cpp: export it again")
        self.vocabulary = Vocabulary(self._model)
        self._context = llama.llama_init_from_model(self._model, _context_params(self._model, threads))

    def answer(self, prompt: list[int], n: int, end: int) -> list[int]:
        """At most `n` token ids, the last of them `end` where that comes."""
        llama.llama_memory_clear(llama.llama_get_memory(self._context), True)
        ids: list[int] = []
        self._decode(prompt)
        while len(ids) < n and end not in ids:
            logits = np.ctypeslib.as_array(llama.llama_get_logits_ith(self._context, -1), (self.vocabulary.n,))
            ids.append(int(logits.argmax()))
            self._decode(ids[-1:])
        return ids

    def close(self) -> None:
        llama.llama_free(self._context)
        llama.llama_model_free(self._model)

    def _decode(self, ids: list[int]) -> None:
        tokens = (llama.llama_token * len(ids))(*ids)
        code = llama.llama_decode(self._context, llama.llama_batch_get_one(tokens, len(ids)))
        assert code == 0, f"llama.cpp answered {code} to {len(ids)} tokens"


def _context_params(model: object, threads: int) -> Any:
    params = llama.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = min(llama.llama_model_n_ctx_train(model), MAX_CONTEXT)
    params.n_threads = params.n_threads_batch = threads
    params.type_k = params.type_v = GGML_TYPE_F32
    params.flash_attn_type = FLASH_ATTENTION_OFF
    return params


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _ignore(_level: int, _text: bytes, _data: object) -> None:
    """Loading tells hundreds of lines."""
