"""Batches of tokens for llama.cpp. Imports the library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import llama_cpp as llama


@contextmanager
def batch(tokens: Sequence[tuple[int, int, Sequence[int]]]) -> Iterator[Any]:
    """Token, position and sequences of each; all are outputs."""
    made = llama.llama_batch_init(len(tokens), 0, max(len(sequences) for _, _, sequences in tokens))
    made.n_tokens = len(tokens)
    for index, (token, position, sequences) in enumerate(tokens):
        made.token[index], made.pos[index], made.logits[index] = token, position, True
        made.n_seq_id[index] = len(sequences)
        for place, sequence in enumerate(sequences):
            made.seq_id[index][place] = sequence
    try:
        yield made
    finally:
        llama.llama_batch_free(made)


def encode(context: Any, tokens: Sequence[int], sequences: Sequence[int]) -> int:
    """llama_encode: 0 done, 2 aborted, below 0 failed."""
    with batch([(token, position, sequences) for position, token in enumerate(tokens)]) as made:
        answer: int = llama.llama_encode(context, made)
        return answer
