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
from codels.registry.fields import CARD_FIELDS
from codels.settings import AUTO

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


def check(id_: str) -> None:
    """Raises `UserError` where no card can have that id."""
    is_good, wanted = CARD_FIELDS["id"]
    if not is_good(id_):
        raise UserError(f"id must be {wanted}, not {id_!r:.60}: choose one with --id")
    if id_ == AUTO:
        raise UserError(f"{AUTO} leaves the choice of a model to codels: choose another name with --id")


def write(id_: str, facts: Mapping[str, object], files: Iterable[ModelFile]) -> Path:
    """At once, over one that `add` wrote before. Raises `UserError` where another card is there, or none can be."""
    check(id_)
    rows = {"id": id_, **{key: value for key, value in facts.items() if value}}
    text = MARK + _lines(rows) + "".join(f"\n[[files]]\n{_lines(_known(file))}" for file in files)
    path = place(id_)
    card.parse(text, str(path))
    if text != text.encode("utf-8", "replace").decode():
        raise UserError("the file's name is not UTF-8, which a card must be: give it another name")
    try:
        if path.exists() and written(id_) is None:
            raise UserError(f"{path} exists, but its card is broken or another model's: choose another name with --id")
        records.write(path, text)
    except OSError as error:
        raise UserError(f"the card {path} cannot be written: {error.strerror or error}") from error
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
