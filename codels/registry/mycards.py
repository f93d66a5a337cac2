"""Cards that `codels models add` writes into the user's folder. Their first line tells them from those by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

from codels import records
from codels.errors import UserError
from codels.registry import card, store
from codels.registry.card import ModelCard, ModelFile

MARK = "# Written by `codels models add`; `codels models rm` removes it. Without this line it is yours alone.\n"


def place(id_: str) -> Path:
    """Where the card of a model lies, or would."""
    return store.cards_folder() / f"{id_}.toml"


def written(id_: str) -> ModelCard | None:
    """The card that `add` wrote for this id; none where there is none, or somebody else's."""
    try:
        text = records.read(place(id_))
        found = card.parse(text, str(place(id_))) if text.startswith(MARK) else None
    except (OSError, UserError, ValueError):
        return None
    return found if found and found.id == id_ else None


def write(id_: str, facts: Mapping[str, object], files: Iterable[ModelFile], note: str = "") -> Path:
    """At once, over one that `add` wrote before; `note` is for people. Raises `UserError` if another card is there."""
    rows = {"id": id_, **{key: value for key, value in facts.items() if value}}
    head = MARK + (f"# {note}\n" if note else "")
    text = head + _lines(rows) + "".join(f"\n[[files]]\n{_lines(_known(file))}" for file in files)
    path = place(id_)
    card.parse(text, str(path))  # an id that no card can have shows here
    if path.exists() and written(id_) is None:
        raise UserError(f"{path} exists, but its card is broken or another model's: choose another name with --id")
    records.write(path, text)
    return path


def remove(id_: str) -> Path | None:
    """The card that `add` wrote is deleted: its path; none where there is none."""
    if written(id_) is None:
        return None
    place(id_).unlink()
    return place(id_)


def _known(file: ModelFile) -> dict[str, object]:
    found = {field.name: getattr(file, field.name) for field in fields(ModelFile)}
    return {name: value for name, value in found.items() if value}


def _lines(rows: Mapping[str, object]) -> str:
    """TOML; its texts, numbers and lists of texts are written as JSON's."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in rows.items())
