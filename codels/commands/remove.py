"""`codels models rm`: what was pulled of a model is deleted, and the card that `codels models add` wrote for it."""

from __future__ import annotations

import json
from pathlib import Path

from codels.errors import UserError
from codels.registry import mycards, partial, pins, store
from codels.registry.card import ModelCard
from codels.sizes import size_text


def remove(name: str, is_json: bool) -> int:
    """Never a file that somebody else put somewhere, nor a card that somebody wrote by hand."""
    model = store.find(name)
    pulled = [store.place(model, file) for file in model.all_files if file.repo]
    stay = [store.place(model, file) for file in model.all_files if not file.repo]
    if model.remote:
        raise UserError(f"{model.id} is served at {model.remote.url}: there is nothing here but its card")
    card = _card(name, model)
    if not pulled and card is None:
        raise UserError(f"{model.id} was not pulled, so {stay[0]} stays")
    removed, freed = _delete(pulled)
    if card:
        mycards.remove(model.name)
    row = {"id": model.id, "removed": removed, "freed_bytes": freed, "card": str(card or "")}
    print(json.dumps(row) if is_json else _said(model, removed, freed, card, stay))
    return 0


def _card(name: str, model: ModelCard) -> Path | None:
    """The card that goes with its files; one that has other choices of files stays where one was named."""
    mine = mycards.written(model.name)
    if mine is None or (":" in name and len(mine.quantisations) > len(model.quantisations)):
        return None
    return mycards.place(model.name)


def _delete(places: list[Path]) -> tuple[list[str], int]:
    """The files, what is half there of them, and their pins: what was deleted, and how many bytes."""
    removed, freed = [], 0
    for place in places:
        for file in [place, *partial.of(place)]:
            if file.is_file() or file.is_symlink():  # whose target is somebody else's, and stays
                freed += file.lstat().st_size
                file.unlink()
                removed.append(str(file))
        pins.remove(place)
    return removed, freed


def _said(model: ModelCard, removed: list[str], freed: int, card: Path | None, stay: list[Path]) -> str:
    said = [f"removed {', '.join(removed)}: {size_text(freed)}"] if removed else []
    said += [f"{path} stays" for path in stay]
    said += [f"its card {card}, which `codels models add` wrote, is removed"] if card else []
    return "; ".join(said) or f"nothing of {model.id} is there"
