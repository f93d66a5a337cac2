"""Which texts the KV cache holds, and which of them a prompt goes on from: several, so that two files and a code action
do not evict each other.

The sequences share their cells (llama.cpp's unified cache): what two texts have in common is copied without copying.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from codels.backends.llamatext import common_prefix
from codels.errors import ModelError

SAME_TEXT_SHARE = 0.5
"""Of what a sequence holds: a prompt that begins with as much of it is that text, gone on. So is one that has as much
of its pairs of tokens in common with it, wherever: prefix-first, the caret near the top, most of a prompt moves.
"""


class Memory(Protocol):
    """The calls that change a KV cache (`llamanative.Context`)."""

    is_cuttable: bool
    """Whether a sequence can be cut at any token; the state of recurrent models cannot."""

    def decode(self, tokens: list[int], position: int, sequence: int, n_logits: int) -> bool:
        """False: aborted, or no room; `forget` what of them is there."""
        ...

    def forget(self, n_kept: int, sequence: int) -> int:
        """Keep the first `n_kept` tokens, or none where that is not possible; how many."""
        ...

    def share(self, source: int, target: int, n_tokens: int) -> None:
        """`target`, which is empty, gets the first `n_tokens` of `source`."""
        ...


@dataclass(slots=True)
class _Sequence:
    number: int
    tokens: list[int] = field(default_factory=list)


class KvCache:
    """The books of a memory with `n_cells` for `n_sequences`. One is at work: the prompt's, and its answer's."""

    def __init__(self, memory: Memory, n_sequences: int, n_cells: int) -> None:
        self._memory = memory
        self._n_cells = n_cells
        self._sequences = [_Sequence(number) for number in range(n_sequences)]
        """The one at work first, then by how long ago they were."""

    @property
    def tokens(self) -> list[int]:
        """Those of the sequence at work."""
        return self._sequences[0].tokens

    @property
    def sequence(self) -> int:
        """The number of the one at work."""
        return self._sequences[0].number

    def reuse(self, tokens: list[int], n_more: int) -> int:
        """Put the sequence to work that shares most with this prompt, and keep what they share; at least the last token
        is evaluated, for its logits. Makes room for the prompt and `n_more` tokens. Returns how many are there.
        """
        best, n_best = max(((s, self._shared(s, tokens)) for s in self._sequences), key=lambda found: found[1])
        target = best if n_best and n_best >= SAME_TEXT_SHARE * len(best.tokens) else self._alike(tokens)
        n_own = self._shared(target, tokens)
        self._to_work(target)
        self.keep(n_own if n_own == n_best else 0)
        if n_own < n_best:
            self._memory.share(best.number, target.number, n_best)
            target.tokens = best.tokens[:n_best]
        self._make_room(len(tokens) + n_more)
        return len(self.tokens)

    def evaluate(self, tokens: list[int], n_logits: int = 1) -> bool:
        """Put `tokens` behind those that are there, the last ones with logits. False: aborted, or no room."""
        try:
            is_done = self._memory.decode(tokens, len(self.tokens), self.sequence, n_logits)
        except ModelError:
            self.keep(0)
            raise
        if is_done:
            self.tokens.extend(tokens)
        else:
            self._cut(self._sequences[0], len(self.tokens), is_forced=True)
        return is_done

    def keep(self, n_tokens: int) -> None:
        """The first `n_tokens` of the one at work, or fewer where the model's memory cannot be cut."""
        self._cut(self._sequences[0], n_tokens)

    def _shared(self, sequence: _Sequence, tokens: list[int]) -> int:
        n_shared = min(common_prefix(sequence.tokens, tokens), len(tokens) - 1)
        is_usable = self._memory.is_cuttable or n_shared == len(sequence.tokens)
        return n_shared if is_usable else 0

    def _alike(self, tokens: list[int]) -> _Sequence:
        """The sequence that holds most of the prompt's pairs of tokens; without one, that unused for longest."""
        wanted = set(pairwise(tokens))
        for sequence in self._sequences:
            if len(wanted.intersection(pairwise(sequence.tokens))) > SAME_TEXT_SHARE * len(wanted):
                return sequence
        return self._sequences[-1]

    def _to_work(self, sequence: _Sequence) -> None:
        self._sequences.remove(sequence)
        self._sequences.insert(0, sequence)

    def _make_room(self, n_cells: int) -> None:
        """Empty the sequences that were at work longest ago. Shared cells count for each: it is at most so much."""
        others = self._sequences[1:]
        while others and n_cells + sum(len(other.tokens) for other in others) > self._n_cells:
            self._cut(others.pop(), 0)

    def _cut(self, sequence: _Sequence, n_kept: int, is_forced: bool = False) -> None:
        if n_kept < len(sequence.tokens) or is_forced:
            del sequence.tokens[self._memory.forget(n_kept, sequence.number) :]
