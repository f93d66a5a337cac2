"""Decoding that may copy: the model's distribution, mixed with what stood behind the same tokens in the open files.

Names that the model was never trained on stand in the file, and a small model is bad at repeating them. This is the
unbounded cache model of Grave et al. (2017) over one file, with exact matches of token runs in place of hidden
states: the longest run before the caret that stands elsewhere proposes the tokens that followed it there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from codels.copyweights import BUCKETS, N_COLUMNS, CopyWeights

Ids = npt.NDArray[np.int32]

RECENCY = 0.8
"""A place counts so much of the one nearer to the caret: what was written last is written again."""

MAX_PLACES = 50
MAX_LINES = 20_000
_SEPARATOR = -1

_LINE = re.compile(r"[^\n]*\n(?:[ \t]*\n)*|[^\n]+")
"""A line with the blank ones below it: byte-level tokenizers join line ends, and split before what follows them."""


@dataclass(frozen=True, slots=True)
class Copied:
    """Tokens that followed the same run elsewhere: ids, probabilities that sum to 1, and the share of the mix.

    `cell` is the row and the column of the weights that this share stands in.
    """

    ids: Ids
    probs: npt.NDArray[np.float64]
    weight: float
    cell: tuple[int, int]


class Lines:
    """Tokenizes texts line by line and remembers the lines: from key to key most stay the same."""

    def __init__(self, tokenize: Callable[[str], list[int]]) -> None:
        self._ids = lru_cache(MAX_LINES)(lambda line: np.array(tokenize(line), np.int32))

    def join(self, texts: Sequence[str]) -> Ids:
        """The ids of all texts, in order, with a separator between two."""
        separator = np.array([_SEPARATOR], np.int32)
        pieces = [piece for text in texts for piece in (separator, *map(self._ids, _LINE.findall(text)))]
        return np.concatenate(pieces) if pieces else separator


class CopyModel:
    """Proposes tokens for one answer of up to `n_more`; `ids` end where it begins."""

    def __init__(self, ids: Ids, weights: CopyWeights, n_more: int) -> None:
        self._weights = weights
        self._ids = np.empty(len(ids) + n_more, np.int32)
        self._ids[: len(ids)] = ids
        self._n = len(ids)

    def copied(self, said: Sequence[int]) -> Copied | None:
        """What followed the longest run that ends with `said`, the answer so far, and stands elsewhere; None where
        its last token is new.
        """
        end = self._n + len(said)
        self._ids[self._n : end] = said
        places, n_match = self._places(end - 1)
        if not n_match:
            return None
        followers = self._ids[places + 1][-MAX_PLACES:]
        ids, index = np.unique(followers, return_inverse=True)
        shares = np.bincount(index, weights=RECENCY ** np.arange(len(followers) - 1, -1, -1))
        row = next((row for row, longest in enumerate(BUCKETS) if n_match <= longest), len(BUCKETS) - 1)
        column = min(len(followers), N_COLUMNS) - 1
        return Copied(ids, shares / shares.sum(), self._weights[row][column], (row, column))

    def _places(self, last: int) -> tuple[npt.NDArray[np.intp], int]:
        """Where the longest run that ends at `last` ends elsewhere, and its length in tokens."""
        ids = self._ids
        found = np.flatnonzero(ids[:last] == ids[last])
        found = found[ids[found + 1] != _SEPARATOR]
        places, n_match = found, 0
        while len(found):
            places, n_match = found, n_match + 1
            if n_match > last or n_match == BUCKETS[-1] or ids[last - n_match] == _SEPARATOR:
                break
            found = found[found >= n_match]
            found = found[ids[found - n_match] == ids[last - n_match]]
        return places, n_match


def mix(logits: npt.NDArray[Any], copied: Copied) -> None:
    """Turn logits of shape (vocabulary,) into log-probabilities of the mix, in place."""
    probs = np.exp(logits - logits.max(), dtype=np.float64)
    probs *= (1 - copied.weight) / probs.sum()
    probs[copied.ids] += copied.weight * copied.probs
    with np.errstate(divide="ignore"):
        logits[:] = np.log(probs)
