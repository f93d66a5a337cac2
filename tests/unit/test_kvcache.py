"""The books of several texts in one KV cache, against a memory that checks every call."""

from __future__ import annotations

import random

import pytest

from codels.backends.kvcache import KvCache
from codels.errors import ModelError


class Memory:
    """Holds the tokens of each sequence, as the cells of a real one would; the next `answers` of decode can be set."""

    def __init__(self, is_cuttable: bool = True) -> None:
        self.is_cuttable = is_cuttable
        self.held: dict[int, list[int]] = {}
        self.answers: list[bool | Exception] = []

    def decode(self, tokens: list[int], position: int, sequence: int) -> bool:
        held = self.held.setdefault(sequence, [])
        assert len(held) == position, "a hole in the sequence"
        answer = self.answers.pop() if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        held += tokens if answer else tokens[:1]  # some of it may be there
        return answer

    def forget(self, n_kept: int, sequence: int) -> int:
        held = self.held.setdefault(sequence, [])
        if not self.is_cuttable and n_kept < len(held):
            n_kept = 0
        del held[n_kept:]
        return n_kept

    def share(self, source: int, target: int, n_tokens: int) -> None:
        assert self.is_cuttable
        assert not self.held.get(target)
        self.held[target] = self.held[source][:n_tokens]


def text(seed: int, n: int = 40) -> list[int]:
    return [random.Random(f"{seed} {i}").randrange(1000) for i in range(n)]


A, B, C, D = (text(seed) for seed in range(4))
A2, B2 = [*A, 7, 8], [*B[:30], 7, 8]
HEAD = [*A[:10], *C]

ASKED: list[tuple[int, list[list[int]], list[int]]] = [
    # sequences, prompts one after the other, how many tokens of each were there
    (1, [A, A, A2], [0, 39, 40]),
    (1, [A, B, A], [0, 0, 0]),
    (2, [A, B, A, B], [0, 0, 39, 39]),
    (2, [A, B, A2, B2], [0, 0, 40, 30]),
    (2, [A, B, C, A], [0, 0, 0, 0]),  # the third evicts the first …
    (2, [A, B, A, C, A, B], [0, 0, 39, 0, 39, 0]),  # … or the one unused for longest
    (3, [A, B, C, A, B, C], [0, 0, 0, 39, 39, 39]),
    (3, [A, B, C, D, B, A], [0, 0, 0, 0, 39, 0]),
    (2, [A, HEAD, A, HEAD], [0, 10, 39, 49]),  # what they share is copied, and both stay
    (1, [A, HEAD, A], [0, 10, 10]),
    (2, [[1], [1], [1, 2]], [0, 0, 1]),
    # near its top, prefix-first, a text shares its first tokens alone, and is still the same text
    (2, [B, [*A[:3], 5, *A[3:]], [*A[:3], 5, 6, *A[3:]], B], [0, 0, 4, 39]),
    (2, [B, A[:3] + A[5:], A[:3] + A[6:], A[:3] + A[7:], A[:3] + A[9:], B], [0, 0, 3, 3, 3, 39]),
]


@pytest.mark.parametrize(("n_sequences", "prompts", "reused"), ASKED)
def test_a_prompt_goes_on_from_the_text_that_it_shares_most_with(
    n_sequences: int, prompts: list[list[int]], reused: list[int]
) -> None:
    memory = Memory()
    cache = KvCache(memory, n_sequences, 10_000)
    assert [_ask(cache, prompt) for prompt in prompts] == reused
    assert memory.held[cache.sequence] == prompts[-1] == cache.tokens


def _ask(cache: KvCache, prompt: list[int], n_more: int = 8) -> int:
    n_reused = cache.reuse(prompt, n_more)
    assert cache.tokens == prompt[:n_reused]
    assert n_reused < len(prompt)
    cache.evaluate(prompt[n_reused:])
    return n_reused


RECURRENT = [
    (2, [A, A2, A2, B], [0, 40, 0, 0]),  # the last token is evaluated again, which is to begin anew
    (2, [A, B, A2, [*B, 1]], [0, 0, 40, 40]),
    (2, [A, HEAD, A2], [0, 0, 40]),
]


@pytest.mark.parametrize(("n_sequences", "prompts", "reused"), RECURRENT)
def test_a_memory_that_cannot_be_cut_is_only_gone_on_from(
    n_sequences: int, prompts: list[list[int]], reused: list[int]
) -> None:
    cache = KvCache(Memory(is_cuttable=False), n_sequences, 10_000)
    assert [_ask(cache, prompt) for prompt in prompts] == reused


@pytest.mark.parametrize(
    ("n_cells", "reused"),
    [(200, [39, 39]), (128, [39, 39]), (127, [39, 0]), (88, [39, 0]), (87, [0, 0]), (48, [0, 0])],
)
def test_room_is_made_by_what_was_unused_for_longest(n_cells: int, reused: list[int]) -> None:
    """A prompt of 40 tokens with 8 more beside two other texts of 40 needs 128 cells."""
    cache = KvCache(Memory(), 4, n_cells)
    for prompt in (A, B, C):
        _ask(cache, prompt)
    held = {tuple(s.tokens) for s in cache._sequences}
    assert [39 * (tuple(prompt) in held) for prompt in (B, A)] == reused


@pytest.mark.parametrize("is_cuttable", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_the_books_are_right_whatever_is_asked_aborted_and_fails(seed: int, is_cuttable: bool) -> None:
    rng, memory = random.Random(seed), Memory(is_cuttable)
    cache = KvCache(memory, rng.choice((1, 2, 4)), rng.choice((100, 200, 1000)))
    for _ in range(200):
        base = rng.choice((A, B, C, D, HEAD))
        prompt = base[: rng.randint(1, len(base))] + text(rng.randrange(9), rng.randrange(5))
        n_reused = cache.reuse(prompt, 8)
        for start in range(n_reused, len(prompt), 16):
            memory.answers = [rng.choice((True, True, True, False, ModelError("failed")))]
            try:
                if not cache.evaluate(prompt[start : start + 16]):
                    break
            except ModelError:
                assert cache.tokens == []
                break
            if rng.random() < 0.2:
                cache.keep(rng.randint(0, len(cache.tokens)))
                break
        for sequence in cache._sequences:
            assert memory.held.get(sequence.number, []) == sequence.tokens
