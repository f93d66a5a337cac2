"""`codels models use`: the model for a role is remembered; running servers take it within a second or two."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from codels.backends import ggufshape
from codels.core import Role
from codels.dispatch import skills
from codels.dispatch.selection import find, is_missing
from codels.errors import UserError
from codels.registry import choices, store
from codels.registry.card import ModelCard
from codels.settings import AUTO


def use(name: str, role_name: str, is_json: bool) -> int:
    """Remember the model `name`; `AUTO` forgets the former one. Raises `CodelsError` where it cannot be used."""
    role = Role(role_name)
    card = None if name == AUTO else store.find(name)
    notes = _notes(name, card, role) if card else []
    try:
        choices.write(role, _remembered(name, card) if card else "")
    except OSError as error:
        raise UserError(f"{choices.file()} cannot be written: {error.strerror or error}") from error
    for note in notes:
        print(f"codels: {note}", file=sys.stderr)
    said = f"{role}: {card.id if card else 'the best model that is here'}"
    row = {"role": role, "id": card.id if card else AUTO, "is_here": not (card and is_missing(card)), "notes": notes}
    print(json.dumps(row) if is_json else f"{said}; an editor's setting codels.models.{role} would win over it")
    return 0


def _notes(name: str, card: ModelCard, role: Role) -> list[str]:
    """What speaks against the model. Raises `UserError` where it can do nothing at all in that role."""
    misfit = skills.misfit(role, card)
    if not skills.is_possible(role, card):
        raise UserError(misfit)
    if is_missing(card):
        fetch = f"`codels models pull {card.id}` fetches it, or an editor asks whether it may"
        return [
            *filter(None, [misfit]),
            f"{card.id} is not on this machine yet: {fetch}; until then another one serves",
        ]
    found = find(_remembered(name, card))  # whose file is there, and may be damaged
    if found.backend == "llama.cpp":
        ggufshape.check(store.locate(found))
    return [misfit] if misfit else []


def _remembered(name: str, card: ModelCard) -> str:
    """A path is remembered whole: the server runs in another folder."""
    is_path = card.name not in store.cards()
    return str(Path(card.files[0].path)) if is_path else name
