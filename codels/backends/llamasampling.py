"""From the logits of a llama.cpp context to the next token. Imports the library."""

from __future__ import annotations

from typing import Any

import llama_cpp as llama
import numpy as np

from codels.backends.copying import Copied
from codels.backends.llamavocab import Vocabulary
from codels.backends.logits import Logits, Tokens, logprob, restrict
from codels.generation import SamplingParams


class Sampler:
    """Chooses the next token from the last logits."""

    def __init__(self, context: Any, chain: Any, vocabulary: Vocabulary) -> None:
        self.context = context
        self.chain = chain
        self.vocabulary = vocabulary

    def next(self, allowed: Tokens, banned: tuple[int, ...], copied: Copied | None) -> tuple[int, float] | None:
        """A token and its log-probability among those that may come; none where no token may."""
        logits = self._logits(-1)
        log_sum = restrict(logits, allowed, banned, copied)
        token = llama.llama_sampler_sample(self.chain, self.context, -1)
        return token, logprob(logits, token, self.vocabulary.line_ends, log_sum)

    def logprobs(self, index: int, allowed: Tokens, banned: tuple[int, ...], copied: Copied | None) -> Logits:
        """Those of the tokens that may come behind the `index`-th of the tokens evaluated last; -1 is the last one."""
        logits = self._logits(index).copy()
        logits -= restrict(logits, allowed, banned, copied)
        return logits

    def _logits(self, index: int) -> Logits:
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self.context, index), (self.vocabulary.n,))


def links(params: SamplingParams) -> list[Any]:
    """llama.cpp's samplers, in order."""
    if params.temperature <= 0:
        return [llama.llama_sampler_init_greedy()]
    return [
        llama.llama_sampler_init_top_k(params.top_k),
        llama.llama_sampler_init_top_p(params.top_p, 1),
        llama.llama_sampler_init_temp(params.temperature),
        llama.llama_sampler_init_dist(params.seed),
    ]
