"""Model cards: TOML files that hold everything codels knows about a model. The code knows no model by name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from codels.core import Skill
from codels.errors import UserError
from codels.prompt import Order
from codels.prompt.families import FAMILIES


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model. Without `url` it lies in the package. `size` in bytes; `sha256` in hex."""

    path: str
    size: int = 0
    sha256: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """`family` empty: nobody wrote it down, the vocabulary is asked. `languages` empty: any."""

    id: str
    backend: str
    files: tuple[ModelFile, ...]
    title: str = ""
    family: str = ""
    order: Order = Order.PSM
    skills: frozenset[Skill] = frozenset({Skill.FIM})
    languages: frozenset[str] = frozenset()
    context_window: int = 0
    license: str = ""


def parse(text: str, name: str) -> ModelCard:
    """The card in `text`. Raises `UserError` that names the file, the field and what it may be."""
    try:
        return _card(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"the model card {name} is not valid: {error}") from error


def _card(data: Mapping[str, Any]) -> ModelCard:
    known = {field.name for field in fields(ModelCard)}
    if unknown := set(data) - known:
        raise ValueError(f"unknown fields {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
    card = ModelCard(
        **{
            **data,
            "files": tuple(ModelFile(**file) for file in data["files"]),
            "order": Order(data.get("order", Order.PSM)),
            "skills": frozenset(Skill(skill) for skill in data.get("skills", ["fim"])),
            "languages": frozenset(data.get("languages", ())),
        }
    )
    if not card.files:
        raise ValueError("it names no file")
    if card.family and card.family not in FAMILIES:
        raise ValueError(f"no family {card.family!r}; known are {', '.join(FAMILIES)}")
    if card.family and not FAMILIES[card.family].template(card.order):
        raise ValueError(f"family {card.family} has no {card.order} order")
    return card
