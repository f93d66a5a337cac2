"""What a role needs of a model."""

from __future__ import annotations

from codels.core import Role, Skill
from codels.registry.card import ModelCard

SKILLS: dict[Role, tuple[Skill, ...]] = {
    Role.COMPLETION: (Skill.FIM, Skill.PREFIX),
    Role.DOCSTRING: (Skill.INSTRUCT, Skill.SEQ2SEQ, Skill.FIM),
    Role.INSTRUCT: (Skill.INSTRUCT,),
    Role.EMBED: (Skill.EMBED,),
}
"""What a role can be served with, the best first."""

_LACKS = {
    Role.COMPLETION: "it does not see the text behind the caret; a model with the skill fim does",
    Role.DOCSTRING: "it may answer with anything; a model with the skill instruct is better",
    Role.INSTRUCT: "it continues texts instead of following them; a model with the skill instruct follows them",
    Role.EMBED: "it gives no vectors; a model with the skill embed does",
}


def misfit(role: Role, card: ModelCard) -> str:
    """A sentence where a model that was named for a role was not made for it; empty where it was."""
    if card.skills & set(SKILLS[role]):
        return ""
    made_for = ", ".join(sorted(card.skills))
    return f"{card.id} was made for {made_for}, not for {role}: {_LACKS[role]}"


def is_possible(role: Role, card: ModelCard) -> bool:
    """Whether a model can do anything at all in a role: vectors and texts are different things."""
    return (Skill.EMBED in card.skills) if role is Role.EMBED else bool(card.skills - {Skill.EMBED})
