"""What a model is good for, in words, from the skills of its card."""

import pytest

from codels.core import Skill
from codels.registry import store, uses
from codels.registry.card import ModelCard, ModelFile

ROWS = [
    # a card's skills, what is said of it, whether it completes
    ("fim prefix", ["fills in the middle", "continues text"], "yes, it reads both sides of the caret"),
    ("prefix", ["continues text"], "yes, from the text before the caret only"),
    ("instruct", ["follows instructions"], "no: an instruct model, not for completion"),
    ("instruct fim", ["fills in the middle", "follows instructions"], "yes, it reads both sides of the caret"),
    ("instruct seq2seq", ["follows instructions", "turns one text into another"], "no: an instruct model, not for"),
    ("embed", ["turns text into vectors"], "no: an embedding model, not for completion"),
    ("", [], "no: its card names no skill for that"),
]


@pytest.mark.parametrize(("skills", "abilities", "completes"), ROWS)
def test_skills_in_words(skills: str, abilities: list[str], completes: str) -> None:
    card = ModelCard("m", "fake", (ModelFile("m"),), skills=frozenset(map(Skill, skills.split())))
    assert uses.abilities(card) == abilities
    assert uses.for_completion(card).startswith(completes)


def test_every_skill_has_words() -> None:
    assert list(uses.WORDS) == list(Skill)


@pytest.mark.parametrize("card", store.package_cards().values(), ids=store.package_cards())
def test_every_card_of_the_package_says_whether_it_completes(card: ModelCard) -> None:
    assert uses.for_completion(card).startswith(("yes", "no: an "))
