"""Training rows: their length, their marks, and that a seed and a number always give the same one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from random import Random
from typing import Any

import pytest

import recipe
from corpus import Corpus

MISSING = "torch and tokenizers are not installed: pip install -r models/tiny/requirements.txt"
pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("tokenizers", reason=MISSING)
from data import Rows  # noqa: E402 - needs torch
from tokenizer import END, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, REPO_NAME, Encoder  # noqa: E402

NUMBERS = range(40)
TEXT = "def load(path):\n    return path.read_text()\n\n\nVALUE = load(HERE)\n"
HOLE = (TEXT.index("path.read"), TEXT.index("\n\n\n"))


def rows(data: Path, **mixture: float) -> Any:
    settings = recipe.load(data / "toy.toml")
    changed = dataclasses.replace(settings, mixture=recipe.Mixture(**mixture))
    return Rows(Corpus(data, "train"), Encoder(data / "tokenizer.json"), changed, seed=0)


def test_every_row_is_one_longer_than_the_context(data: Path) -> None:
    made = rows(data, repository=0.5)
    assert {part.shape for number in NUMBERS for part in made[number]} == {(65,)}


def test_a_seed_and_a_number_give_the_same_row(data: Path) -> None:
    first, second = rows(data), rows(data)
    assert all(a.equal(b) for number in NUMBERS for a, b in zip(first[number], second[number], strict=True))
    assert not first[0].ids.equal(first[1].ids)


def test_no_holes_no_marks(data: Path) -> None:
    made = rows(data, fim=0.0)
    seen = {token for number in NUMBERS for token in made[number].ids.tolist()}
    assert not seen & {FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE, REPO_NAME}


@pytest.mark.parametrize("suffix_first", [1.0, 0.0])
def test_an_example_holds_prefix_suffix_and_answer(data: Path, suffix_first: float) -> None:
    marks = [FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE, END]
    made = rows(data, suffix_first=suffix_first, healed=0.0)
    ids, n_answer = made.cut(Random(1), TEXT, HOLE, 400)
    assert [token for token in ids if token in marks] == marks
    assert made.encoder.decode(ids[-n_answer:-1]) == TEXT[slice(*HOLE)]
    before = ids[ids.index(FIM_MIDDLE) + 1 : -n_answer] if suffix_first else ids[1 : ids.index(FIM_SUFFIX)]
    assert made.encoder.decode(before) == TEXT[: HOLE[0]]


def test_a_row_says_which_of_its_ids_are_answers(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them ends with a mark of the end; a row without holes has none."""
    monkeypatch.setattr("data.MIN_TOKENS", 32)
    made = rows(data, fim=1.0, suffix_first=1.0, repository=0.0)
    for number in NUMBERS:
        ids, is_answer = made[number]
        ends = (ids == END).nonzero().flatten().tolist()
        n_answers = int((ids == FIM_MIDDLE).sum())
        assert sum(bool(is_answer[end]) for end in ends) == n_answers > 0
        assert not is_answer[ids == FIM_MIDDLE].any()
    assert not any(rows(data, fim=0.0)[number].is_answer.any() for number in NUMBERS)


@pytest.mark.parametrize("room", [20, 40, 64, 200])
def test_an_example_fits_its_room(data: Path, room: int) -> None:
    made = rows(data)
    for seed in NUMBERS:
        ids, n_answer = made.cut(Random(seed), TEXT * 5, HOLE, room)
        assert 1 <= n_answer <= len(ids) <= room
