"""The calls into llama.cpp: a model and one context. Imports the library.

Facts that the code relies on (llama-cpp-python 0.3.36): decode answers 0 done, 1 no room, 2 aborted; an aborted
slice leaves no cells behind; the abort callback works on the CPU only.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llama_cpp as llama
import numpy as np

from codels.backends import LoadSpec, llamaabort, llamalora
from codels.backends.llamagrammar import constrained
from codels.backends.llamalog import reason
from codels.backends.llamalora import Adapters
from codels.backends.llamasampling import Sampler, links
from codels.backends.llamavocab import Vocabulary
from codels.backends.logits import Logits
from codels.backends.plan import N_SLICE, FlashAttention, KvType, Plan
from codels.cancel import CancelToken
from codels.errors import ModelError, OutOfMemory
from codels.generation import Prompt, SamplingParams

_KV_TYPES = {KvType.F16: 1, KvType.Q8_0: 8}
_FLASH_ATTENTION = {FlashAttention.AUTO: -1, FlashAttention.ON: 1}
"""`ggml_type` of ggml.h, `llama_flash_attn_type` of llama.h."""


BRANCH_ROOM = 96
"""Tokens that each branch may grow to: the longest line that is searched for, and what is spelled again before it."""


def branch_cells(spec: LoadSpec) -> int:
    """Of the KV cache, for the branches of all beams."""
    return spec.beams * BRANCH_ROOM if spec.beams > 1 else 0


class Context:
    """Sequences of keys and values, the calls that grow and shrink them, and short-lived branches of one of them."""

    def __init__(self, model: Any, spec: LoadSpec, plan: Plan, adapters: Adapters = ()) -> None:
        self._model = model
        params = llama.llama_context_default_params()
        trained = llama.llama_model_n_ctx_train(model)  # below 1: the file says nothing, or nonsense
        self.n_ctx = min(plan.context_window, trained) if trained > 0 else plan.context_window
        n_branches = spec.beams if spec.beams > 1 else 0
        self.n_branch_cells = branch_cells(spec)
        # The library ends the process where a slice, or a token of each sequence, has no place.
        self.n_cells = params.n_ctx = max(plan.n_cells, self.n_ctx, N_SLICE) + self.n_branch_cells
        params.n_seq_max = plan.n_sequences + 2 * n_branches  # those of a step, and those that they grew from
        params.kv_unified = True  # sequences share the cells of what they have in common
        params.type_k = params.type_v = _KV_TYPES[plan.kv_type]
        params.flash_attn_type = _FLASH_ATTENTION[plan.flash_attention]
        # An encoder reads all of a prompt in one call.
        params.n_batch = params.n_ubatch = self.n_ctx if llama.llama_model_has_encoder(model) else N_SLICE
        params.n_threads = params.n_threads_batch = spec.threads
        params.no_perf = True
        self._context = llama.llama_init_from_model(model, params)
        if not self._context:
            llama.llama_model_free(model)
            raise OutOfMemory(reason())
        self._memory = llama.llama_get_memory(self._context)
        self._batch = llama.llama_batch_init(N_SLICE, 0, 1)
        first = plan.n_sequences
        self._branches = list(range(first, first + n_branches))
        self._spare = list(range(first + n_branches, first + 2 * n_branches))
        self.is_cuttable = not (llama.llama_model_is_recurrent(model) or llama.llama_model_is_hybrid(model))
        self.adapters = adapters
        llamalora.use(self._context, adapters)
        self._abort: llamaabort.Flag | None = None
        self.vocabulary = Vocabulary(model)
        self.description = _description(model)
        self.has_chat_template = bool(llama.llama_model_chat_template(model, None))

    @property
    def native(self) -> tuple[Any, Any]:
        """The library's model and context."""
        return self._model, self._context

    def arm(self, cancel: CancelToken) -> None:
        """Let `cancel` stop a decode call from inside."""
        self._abort = llamaabort.arm(self._context, cancel)

    def forget(self, n_kept: int, sequence: int) -> int:
        """Keep the first `n_kept` tokens, or none where the memory cannot be cut (recurrent models); how many."""
        if llama.llama_memory_seq_rm(self._memory, sequence, n_kept, -1):
            return n_kept
        llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return 0

    def share(self, source: int, target: int, n_tokens: int) -> None:
        """The first `n_tokens` of one sequence become those of another, which is empty, in the same cells."""
        llama.llama_memory_seq_cp(self._memory, source, target, 0, n_tokens)

    def decode(self, tokens: list[int], position: int, sequence: int, n_logits: int = 1) -> bool:
        """Evaluate `tokens` from `position` on, the last `n_logits` of them with logits.

        False: aborted, or no room; `forget` what of them is there.
        """
        first = len(tokens) - n_logits
        return self._evaluate([(token, position + n, sequence, n >= first) for n, token in enumerate(tokens)])

    def logits(self, index: int) -> Logits:
        """Those behind the `index`-th of the tokens evaluated last, in the library's memory: valid until the next."""
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self._context, index), (self.vocabulary.n,))

    def fork(self, sequence: int) -> None:
        """Begin branches: the first one holds what the sequence holds."""
        llama.llama_memory_seq_cp(self._memory, sequence, self._branches[0], -1, -1)

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
    def sampler(self, params: SamplingParams, prompt: Prompt) -> Iterator[Sampler]:
        """For one answer. Raises `UserError` where its grammar is none."""
        chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        try:
            for link in links(params):
                llama.llama_sampler_chain_add(chain, link)
            sampler = Sampler(self._context, chain, self.vocabulary)
            with constrained(sampler, params.grammar, prompt) as held:
                yield held
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
