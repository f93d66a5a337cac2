"""The search for a line, against trying every line, on random distributions over a small vocabulary."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from codels.backends.beams import Beam, Row, first_line
from codels.backends.llamatext import Pieces

PIECES = Pieces([b"", b"\n", b"a", b"b", b"ab", b")\n", b" "])
"""The first one is the end of the answer."""

LINE_ENDS = [0, 1]
DEPTH = 4


class Model:
    """Gives every start of up to `DEPTH` tokens its own distribution; longer ones end."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.n_calls = 0

    def row(self, tokens: tuple[int, ...]) -> Row:
        if len(tokens) >= DEPTH:
            return np.log(np.array([1, 0, 0, 0, 0, 0, 0], np.float32) + 1e-9)
        rng = random.Random(f"{self._seed} {tokens}")
        weights = np.array([rng.random() ** 3 for _ in range(7)], np.float32)
        return np.log(weights / weights.sum())

    def score(self, beams: Sequence[Beam]) -> list[Row]:
        self.n_calls += 1
        return [self.row(beam.tokens) for beam in beams]


def lines(model: Model) -> dict[bytes, list[float]]:
    """Every line, with the log-probability of each way to spell it."""
    found: dict[bytes, list[float]] = {}
    open_: list[tuple[tuple[int, ...], bytes, float]] = [((), b"", 0.0)]
    while open_:
        tokens, text, logprob = open_.pop()
        row = model.row(tokens)
        for token in range(7):
            said, p = text + PIECES.of(token), logprob + float(row[token])
            if token in LINE_ENDS or b"\n" in said:
                found.setdefault(said.partition(b"\n")[0].rstrip(), []).append(p)
            elif len(tokens) < DEPTH:
                open_.append(((*tokens, token), said, p))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_a_wide_search_finds_the_likeliest_line(seed: int) -> None:
    model = Model(seed)
    beam = first_line(b"", model.score, (PIECES, LINE_ENDS), 4000, 20)
    every = lines(model)
    text = beam.text.partition(b"\n")[0].rstrip()
    assert beam.logprob >= max(max(spellings) for spellings in every.values()) - 1e-4
    assert beam.logprob <= np.logaddexp.reduce(every[text]) + 1e-4


@pytest.mark.parametrize("seed", range(40))
def test_what_is_found_is_what_its_tokens_say(seed: int) -> None:
    for width in (1, 2, 3):
        beam = first_line(b"", Model(seed).score, (PIECES, LINE_ENDS), width, 20)
        *said, last = beam.tokens
        assert not set(said) & set(LINE_ENDS)
        assert last in LINE_ENDS or b"\n" in PIECES.of(last)
        assert len(beam.logprobs) == len(beam.tokens)
        assert all(logprob <= 0 for logprob in beam.logprobs)
        assert beam.text.partition(b"\n")[0] == b"".join(map(PIECES.of, beam.tokens)).partition(b"\n")[0]


@pytest.mark.parametrize("heal", [b"a", b"ab", b" "])
def test_what_is_spelled_again_is_not_said(heal: bytes) -> None:
    """Only tokens that spell it may come, as the context's rows say."""

    class Healing(Model):
        def score(self, beams: Sequence[Beam]) -> list[Row]:
            rows = super().score(beams)
            for beam, row in zip(beams, rows, strict=True):
                if not beam.spelling.is_done:
                    row[[token for token in range(7) if token not in beam.spelling.allowed(PIECES)]] = -np.inf
            return rows

    for seed in range(10):
        beam = first_line(heal, Healing(seed).score, (PIECES, LINE_ENDS), 3, 20)
        spelled = b"".join(map(PIECES.of, beam.tokens))
        assert spelled.startswith(heal)
        assert spelled[len(heal) :].rstrip(b"\n") == beam.text.rstrip(b"\n")


def test_it_stops_when_nothing_can_become_likelier() -> None:
    """The first line end is likelier than all else together."""

    class Sure(Model):
        def row(self, _tokens: tuple[int, ...]) -> Row:
            return np.log(np.array([0.7, 0.2, 0.04, 0.03, 0.01, 0.01, 0.01], np.float32))

    model = Sure(0)
    beam = first_line(b"", model.score, (PIECES, LINE_ENDS), 3, 20)
    assert (beam.tokens, model.n_calls) == ((0,), 1)
    assert beam.logprob == pytest.approx(math.log(0.9))


@pytest.mark.parametrize(
    ("n_calls", "end", "tokens"),
    [
        (0, 0.1, ()),
        (1, 0.1, (2,)),  # the likeliest start, where it may still win
        (2, 0.1, (2, 2)),
        (1, 0.5, (0,)),  # else the line that has ended
    ],
)
def test_an_interrupted_search_gives_what_it_has(n_calls: int, end: float, tokens: tuple[int, ...]) -> None:
    class Interrupted(Model):
        def row(self, _tokens: tuple[int, ...]) -> Row:
            return np.log(np.array([end, 0.01, 0.4, 0.02, 0.01, 0.01, 0.01], np.float32))

        def score(self, beams: Sequence[Beam]) -> list[Row]:
            return super().score(beams) if self.n_calls < n_calls else []

    assert first_line(b"", Interrupted(0).score, (PIECES, LINE_ENDS), 3, 20).tokens == tokens


@pytest.mark.parametrize("n_steps", [1, 5, 20])
def test_a_line_too_long_for_its_steps_is_begun(n_steps: int) -> None:
    class Endless(Model):
        def row(self, _tokens: tuple[int, ...]) -> Row:
            return np.log(np.array([0.01, 0.01, 0.94, 0.01, 0.01, 0.01, 0.01], np.float32))

    beam = first_line(b"", Endless(0).score, (PIECES, LINE_ENDS), 3, n_steps)
    assert beam.tokens == (2,) * n_steps


def test_a_line_that_may_not_end_yet_does_not() -> None:
    """A row that bans the ends, as for another candidate, offers none of them."""

    class Banned(Model):
        def row(self, tokens: tuple[int, ...]) -> Row:
            row = super().row(tokens)
            row[[] if tokens else [0, 1, 5]] = -np.inf
            return row

    for seed in range(20):
        beam = first_line(b"", Banned(seed).score, (PIECES, LINE_ENDS), 3, 20)
        assert beam.text
        assert beam.logprob < 0
    assert first_line(b"", Banned(0).score, (PIECES, []), 3, 2).tokens
