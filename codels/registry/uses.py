"""What a model is good for, in words."""

from __future__ import annotations

from pathlib import Path

from codels import checkpoints
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


def not_yet(card: ModelCard) -> str:
    """Why this version of codels cannot run the model, whatever is installed; empty where it can."""
    if card.backend != "transformers":
        return ""
    if Skill.SEQ2SEQ in card.skills:
        return "it is an encoder–decoder model, and its backend transformers runs decoder-only models so far"
    if card.skills == {Skill.EMBED}:
        return "it only makes vectors, and its backend transformers runs decoder-only models so far"
    main = card.files[0].path
    if checkpoints.is_pickled(Path(main)):
        return f"its weights {main} are pickled, and reading a pickle can run any program, so codels does not"
    return ""
