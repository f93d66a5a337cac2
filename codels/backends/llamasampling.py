"""From the logits of a llama.cpp context to the next token. Imports the library."""

from __future__ import annotations

from typing import Any

import llama_cpp as llama
import numpy as np
import numpy.typing as npt

from codels.backends.copying import Copied, mix
from codels.backends.llamavocab import Vocabulary
from codels.generation import SamplingParams

Logits = npt.NDArray[np.float32]


class Sampler:
    """Chooses the next token from the last logits."""

    def __init__(self, context: Any, chain: Any, vocabulary: Vocabulary) -> None:
        self._context = context
        self._chain = chain
        self._n_vocab = vocabulary.n
        self._line_ends = vocabulary.line_ends

    def next(self, allowed: list[int], banned: tuple[int, ...], copied: Copied | None) -> tuple[int, float]:
        """A token and its log-probability among those that may come."""
        logits = self._logits(-1)
        log_sum = _restrict(logits, allowed, banned, copied)
        token = llama.llama_sampler_sample(self._chain, self._context, -1)
        # Whether a line ends by its line end or by the end of the answer is no doubt about the line.
        said = np.logaddexp.reduce(logits[self._line_ends]) if token in self._line_ends else logits[token]
        return token, float(said) - log_sum

    def logprobs(self, index: int, allowed: list[int], banned: tuple[int, ...], copied: Copied | None) -> Logits:
        """Those of the tokens that may come behind the `index`-th of the tokens evaluated last; -1 is the last one."""
        logits = self._logits(index).copy()
        logits -= _restrict(logits, allowed, banned, copied)
        return logits

    def _logits(self, index: int) -> Logits:
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self._context, index), (self._n_vocab,))


def _restrict(logits: Logits, allowed: list[int], banned: tuple[int, ...], copied: Copied | None) -> float:
    """Mix in what is copied and leave, in place, what may come: `allowed`, or all where that is empty, less `banned`,
    unless nothing would be left. Returns the log of the sum that makes the logits log-probabilities.
    """
    if copied:
        mix(logits, copied)
    allowed = allowed and ([token for token in allowed if token not in banned] or allowed)
    if allowed:
        kept = logits[allowed]
        logits[:] = -np.inf
        logits[allowed] = kept
    elif banned:
        logits[list(banned)] = -np.inf
    top = float(logits.max())
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
