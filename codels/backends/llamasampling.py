"""From the logits of a llama.cpp context to the next token. Imports the library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import llama_cpp as llama
import numpy as np
import numpy.typing as npt

from codels.backends.copying import Copied, Ids, mix
from codels.backends.llamavocab import Vocabulary
from codels.errors import ModelError
from codels.generation import SamplingParams

Logits = npt.NDArray[np.float32]

Tokens = Sequence[int] | Ids
"""Token ids; a grammar allows many thousands."""


class Sampler:
    """Chooses the next token from the last logits."""

    def __init__(self, context: Any, chain: Any, vocabulary: Vocabulary) -> None:
        self.context = context
        self.chain = chain
        self.vocabulary = vocabulary

    def next(self, allowed: Tokens, banned: tuple[int, ...], copied: Copied | None) -> tuple[int, float] | None:
        """A token and its log-probability among those that may come; none where no token may."""
        logits = self._logits(-1)
        log_sum = _restrict(logits, allowed, banned, copied)
        token = llama.llama_sampler_sample(self.chain, self.context, -1)
        # Whether a line ends by its line end or by the end of the answer is no doubt about the line.
        line_ends = self.vocabulary.line_ends
        said = np.logaddexp.reduce(logits[line_ends]) if token in line_ends else logits[token]
        return token, min(0.0, float(said) - log_sum)

    def logprobs(self, index: int, allowed: Tokens, banned: tuple[int, ...], copied: Copied | None) -> Logits:
        """Those of the tokens that may come behind the `index`-th of the tokens evaluated last; -1 is the last one."""
        logits = self._logits(index).copy()
        logits -= _restrict(logits, allowed, banned, copied)
        return logits

    def _logits(self, index: int) -> Logits:
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self.context, index), (self.vocabulary.n,))


def _restrict(logits: Logits, allowed: Tokens, banned: tuple[int, ...], copied: Copied | None) -> float:
    """Mix in what is copied and leave, in place, what may come: `allowed`, or all where that is empty, less `banned`,
    unless nothing would be left. Returns the log of the sum that makes the logits log-probabilities.

    Raises `ModelError` where they are no numbers.
    """
    if copied:
        mix(logits, copied)
    if len(allowed):
        ids = np.asarray(allowed)
        wanted = ids[~np.isin(ids, banned)]
        ids = wanted if len(wanted) else ids
        kept = logits[ids]
        logits[:] = -np.inf
        logits[ids] = kept
    elif banned:
        logits[list(banned)] = -np.inf
    top = float(logits.max())
    if math.isnan(top):
        raise ModelError(
            "what the model computes is no number, so its file is damaged: fetch it again, or choose another model"
        )
    return top + float(np.log(np.exp(logits - top).sum()))


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
