"""What a model is good for, in words."""

from __future__ import annotations

from codels.core import Skill
from codels.registry.card import ModelCard

WORDS = {
    Skill.FIM: "fills in the middle",
    Skill.PREFIX: "continues text",
    Skill.INSTRUCT: "follows instructions",
    Skill.SEQ2SEQ: "turns one text into another",
    Skill.EMBED: "turns text into vectors",
}

_COMPLETION = (
    (Skill.FIM, "yes, it reads both sides of the caret"),
    (Skill.PREFIX, "yes, from the text before the caret only"),
    (Skill.INSTRUCT, "no: an instruct model, not for completion"),
    (Skill.EMBED, "no: an embedding model, not for completion"),
)
"""The first skill that a card has decides."""


def abilities(card: ModelCard) -> list[str]:
    """Each skill in words, in the order of `Skill`."""
    return [WORDS[skill] for skill in Skill if skill in card.skills]


def for_completion(card: ModelCard) -> str:
    """Whether the model can complete code, and how."""
    return next((words for skill, words in _COMPLETION if skill in card.skills), "no: its card names no skill for that")
