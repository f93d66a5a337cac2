"""From logits to what may come next and how likely that is. Imports numpy, and no model library."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from codels.backends.copying import Copied, Ids, mix
from codels.errors import ModelError

Logits = npt.NDArray[np.float32]

Tokens = Sequence[int] | Ids
"""Token ids; a grammar allows many thousands."""


def restrict(logits: Logits, allowed: Tokens, banned: tuple[int, ...], copied: Copied | None) -> float:
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


def logprob(logits: Logits, token: int, line_ends: list[int], log_sum: float) -> float:
    """Of a token, from what `restrict` left and answered. Whether a line ends by its line end or by the end of the
    answer is no doubt about the line.
    """
    said = np.logaddexp.reduce(logits[line_ends]) if token in line_ends else logits[token]
    return min(0.0, float(said) - log_sum)


def log_sum(row: Logits) -> float:
    """The log of the sum of what logits say."""
    top = float(row.max())
    return top + float(np.log(np.exp(row - top, dtype=np.float64).sum()))
