"""The calls into llama.cpp: a model and one context. Imports the library.

Facts that the code relies on (llama-cpp-python 0.3.36): decode answers 0 done, 1 no room, 2 aborted; an aborted
slice leaves no cells behind; the abort callback works on the CPU only.
"""

from __future__ import annotations

import ctypes
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp as llama
import numpy as np

from codels.backends import LoadSpec, OnProgress
from codels.backends.llamasampling import Logits, Sampler, links
from codels.backends.llamavocab import Vocabulary
from codels.cancel import CancelToken
from codels.errors import ModelError
from codels.generation import SamplingParams

_errors: deque[str] = deque(maxlen=4)
_LEVEL_ERROR = 4


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(level: int, text: bytes, _data: object) -> None:
    if level == _LEVEL_ERROR:
        _errors.append(text.decode("utf-8", "replace").strip())


def open_model(spec: LoadSpec, n_slice: int, on_progress: OnProgress) -> Context:
    """Load a GGUF file. Raises `ModelError` with the reason in words."""
    _check_file(Path(spec.path))
    llama.llama_log_set(_on_log, ctypes.c_void_p(0))
    llama.llama_backend_init()
    _errors.clear()
    was_stopped = False

    def on_fraction(fraction: float, _data: object) -> bool:
        nonlocal was_stopped
        was_stopped = not on_progress(fraction)
        return not was_stopped

    progress = llama.llama_progress_callback(on_fraction)
    params = llama.llama_model_default_params()
    params.n_gpu_layers = -1 if llama.llama_supports_gpu_offload() else 0
    params.progress_callback = progress
    # The AMX kernels die of an invalid tile configuration on some machines (ggml-org/llama.cpp issue 20824); they
    # are one of the "extra buffer types", which are left out where the library would use them.
    params.use_extra_bufts = b"AMX_INT8 = 1" not in llama.llama_print_system_info()
    model = llama.llama_model_load_from_file(spec.path.encode(), params)
    if not model and was_stopped:
        raise ModelError(f"loading {spec.path} was stopped")
    if not model:
        reason = "; ".join(dict.fromkeys(_errors)) or "llama.cpp gave no reason"
        raise ModelError(f"{spec.path} cannot be loaded, it may be truncated: {reason}. Fetch the file again")
    return Context(model, spec, n_slice)


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelError(f"the model file {path} cannot be read: {error.strerror}; name another one") from error
    if not magic:
        raise ModelError(f"{path} is empty. Fetch the file again")
    if magic != b"GGUF":
        raise ModelError(f"{path} is not a GGUF file (it begins with {magic!r}); convert it, or name another one")


BRANCH_ROOM = 96
"""Tokens that each branch may grow to: the longest line that is searched for, and what is spelled again before it."""


class Context:
    """One sequence of keys and values, the calls that grow and shrink it, and short-lived branches of it."""

    def __init__(self, model: Any, spec: LoadSpec, n_slice: int) -> None:
        self._model = model
        trained = llama.llama_model_n_ctx_train(model)
        params = llama.llama_context_default_params()
        self.n_ctx = min(spec.context_window or trained, trained)
        n_branches = spec.beams if spec.beams > 1 else 0
        params.n_ctx = self.n_ctx + n_branches * BRANCH_ROOM
        params.n_seq_max = 1 + 2 * n_branches  # those of a step, and those that they grew from
        params.kv_unified = True  # branches share the cells of what they have in common
        params.n_batch = params.n_ubatch = n_slice
        params.n_threads = params.n_threads_batch = spec.threads
        params.no_perf = True
        self._context = llama.llama_init_from_model(model, params)
        if not self._context:
            llama.llama_model_free(model)
            raise ModelError(f"no memory for a context of {params.n_ctx} tokens; choose a smaller model")
        self._memory = llama.llama_get_memory(self._context)
        self._batch = llama.llama_batch_init(n_slice, 0, 1)
        self._branches = list(range(1, 1 + n_branches))
        self._spare = list(range(1 + n_branches, 1 + 2 * n_branches))
        self._abort: ctypes.Array[ctypes.c_char] | None = None
        self.vocabulary = Vocabulary(model)
        self.description = _description(model)
        self.has_chat_template = bool(llama.llama_model_chat_template(model, None))

    def arm(self, cancel: CancelToken) -> None:
        """Let `cancel` stop a decode call from inside.

        The callback is the C library's strlen on a flag of our own ("" is 0, go on; anything else is true, stop):
        a Python callback would take the interpreter lock for each of the graph's hundreds of nodes.
        """
        flag = ctypes.create_string_buffer(2)
        self._abort = flag  # keeps the memory alive for as long as the library may read it
        callback = ctypes.cast(_c_library().strlen, llama.ggml_abort_callback)
        llama.llama_set_abort_callback(self._context, callback, ctypes.cast(flag, ctypes.c_void_p))
        cancel.on_cancel(lambda: setattr(flag, "value", b"\x01"))

    def forget(self, n_kept: int) -> int:
        """Keep the first `n_kept` tokens, or none where the memory cannot be cut (recurrent models); how many."""
        if llama.llama_memory_seq_rm(self._memory, 0, n_kept, -1):
            return n_kept
        llama.llama_memory_clear(self._memory, True)
        return 0

    def decode(self, tokens: list[int], position: int, n_logits: int = 1) -> bool:
        """Evaluate `tokens` from `position` on, the last `n_logits` of them with logits.

        False: aborted, or no room; `forget` what of them is there.
        """
        first = len(tokens) - n_logits
        return self._evaluate([(token, position + n, 0, n >= first) for n, token in enumerate(tokens)])

    def logits(self, index: int) -> Logits:
        """Those behind the `index`-th of the tokens evaluated last, in the library's memory: valid until the next."""
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self._context, index), (self.vocabulary.n,))

    def fork(self) -> None:
        """Begin branches: the first one holds what the sequence holds."""
        llama.llama_memory_seq_cp(self._memory, 0, self._branches[0], -1, -1)

    def branch(self, parents: list[int], tokens: list[int], position: int) -> bool:
        """Evaluate each of `tokens` at `position`, all with logits, behind the branch whose place `parents` names.

        The new branches take the place of the old ones. Several may go on from one, so they are built in the other
        half of the sequences.
        """
        old, new = self._branches, self._spare
        for parent, sequence in zip(parents, new, strict=False):
            llama.llama_memory_seq_cp(self._memory, old[parent], sequence, -1, -1)
        for sequence in old:
            llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        self._branches, self._spare = new, old
        return self._evaluate([(token, position, place, True) for token, place in zip(tokens, new, strict=False)])

    def prune(self) -> None:
        """No branches any more."""
        for sequence in (*self._branches, *self._spare):
            llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def _evaluate(self, tokens: list[tuple[int, int, int, bool]]) -> bool:
        """Token, position, sequence, and whether its logits are wanted."""
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, (token, position, sequence, has_logits) in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = has_logits
        answer = llama.llama_decode(self._context, batch)
        if answer < 0:
            where = tokens[0][1]
            raise ModelError(f"llama.cpp failed to evaluate {len(tokens)} tokens at {where} (it answered {answer})")
        return bool(answer == 0)

    @contextmanager
    def sampler(self, params: SamplingParams) -> Iterator[Sampler]:
        chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        try:
            for link in links(params):
                llama.llama_sampler_chain_add(chain, link)
            yield Sampler(self._context, chain, self.vocabulary)
        finally:
            llama.llama_sampler_free(chain)

    def close(self) -> None:
        llama.llama_batch_free(self._batch)
        llama.llama_free(self._context)
        llama.llama_model_free(self._model)


def _description(model: Any) -> str:
    buffer = ctypes.create_string_buffer(256)
    llama.llama_model_desc(model, buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace")


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
