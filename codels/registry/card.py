"""Model cards: TOML files that hold everything codels knows about a model. The code knows no model by name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from codels.copyweights import BUCKETS, N_COLUMNS, CopyWeights
from codels.core import Skill
from codels.errors import UserError
from codels.gate import Gate
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
    copy_weights: CopyWeights = ()
    """Of `backends/copying.py`, for models that profit; none leaves copying out."""
    beams: int = 1
    """Of `backends/beams.py`, for models that profit; 1 is greedy."""
    gate: Gate | None = None


def parse(text: str, name: str) -> ModelCard:
    """The card in `text`. Raises `UserError` that names the file, the field and what it may be."""
    try:
        return _card(tomllib.loads(text))
    except ValueError as error:  # TOML's errors are such, too
        raise UserError(f"the model card {name} is not valid: {error}") from error


def _card(data: Mapping[str, Any]) -> ModelCard:
    _check(data, _CARD_FIELDS, "")
    for number, file in enumerate(data["files"], 1):
        _check(file, _FILE_FIELDS, f"file {number}: ")
    card = ModelCard(
        **{
            **data,
            "files": tuple(ModelFile(**file) for file in data["files"]),
            "order": Order(data.get("order", Order.PSM)),
            "skills": frozenset(Skill(skill) for skill in data.get("skills", ["fim"])),
            "languages": frozenset(data.get("languages", ())),
            "copy_weights": tuple(map(tuple, data.get("copy_weights", ()))),
            "gate": Gate(**data["gate"]) if "gate" in data else None,
        }
    )
    if card.family and not FAMILIES[card.family].template(card.order):
        raise ValueError(f"family {card.family} has no {card.order} order")
    return card


_Field = tuple[Callable[[Any], bool], str]


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


MAX_BEAMS = 8

_GATE_FIELDS = [field.name for field in fields(Gate)]


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_table(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (0, len(BUCKETS))
        and all(isinstance(row, list) and len(row) == N_COLUMNS for row in value)
        and all(_is_real(share) and 0 <= share <= 1 for row in value for share in row)
    )


def _is_gate(value: Any) -> bool:
    return isinstance(value, dict) and sorted(value) == sorted(_GATE_FIELDS) and all(map(_is_real, value.values()))


_TEXT: _Field = (lambda value: isinstance(value, str), "a text")
_NAME: _Field = (lambda value: isinstance(value, str) and bool(value.strip()), "a text that is not empty")
_NUMBER: _Field = (_is_number, "a whole number, 0 or more")

_CARD_FIELDS: dict[str, _Field] = {
    "id": _NAME,
    "backend": _NAME,
    "files": (
        lambda value: isinstance(value, list) and bool(value) and all(isinstance(file, dict) for file in value),
        "one [[files]] table at least",
    ),
    "title": _TEXT,
    "family": (lambda value: value == "" or value in list(FAMILIES), f"one of {', '.join(FAMILIES)}"),
    "order": (lambda value: value in list(Order), f"one of {', '.join(Order)}"),
    "skills": (lambda value: _is_texts(value) and set(value) <= set(Skill), f"a list out of {', '.join(Skill)}"),
    "languages": (_is_texts, 'a list of language ids such as ["python"]'),
    "context_window": _NUMBER,
    "license": _TEXT,
    "copy_weights": (_is_table, f"{len(BUCKETS)} rows of {N_COLUMNS} numbers from 0 to 1, or none"),
    "beams": (lambda value: _is_number(value) and 1 <= value <= MAX_BEAMS, f"a whole number from 1 to {MAX_BEAMS}"),
    "gate": (_is_gate, f"a table of the numbers {', '.join(_GATE_FIELDS)}"),
}
_FILE_FIELDS: dict[str, _Field] = {
    "path": _NAME,
    "size": _NUMBER,
    "sha256": (lambda value: isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value)), "64 hex digits"),
    "url": _TEXT,
}
_REQUIRED = {"id", "backend", "files", "path"}


def _check(data: Mapping[str, Any], known: Mapping[str, _Field], where: str) -> None:
    if unknown := set(data) - set(known):
        raise ValueError(f"{where}unknown fields {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    for name, (is_valid, wanted) in known.items():
        if name not in data and name in _REQUIRED:
            raise ValueError(f"{where}{name} is missing; it must be {wanted}")
        if name in data and not is_valid(data[name]):
            raise ValueError(f"{where}{name} must be {wanted}, not {data[name]!r:.60}")


assert set(_CARD_FIELDS) == {field.name for field in fields(ModelCard)}
assert set(_FILE_FIELDS) == {field.name for field in fields(ModelFile)}
