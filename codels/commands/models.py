"""`codels models`: which models there are, what is known of them, and whether their files are right."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from codels import backends
from codels.errors import CodelsError
from codels.registry import memory, store, uses
from codels.registry.card import ModelCard, ModelFile
from codels.sizes import size_text


def list_(is_json: bool) -> int:
    """A line for each model, those that are there first."""
    _warn()
    rows = sorted((_row(card) for card in store.cards().values()), key=lambda row: not row["is_here"])
    if is_json:
        _print_json(rows)
        return 0
    shown = [("", "model", "size", "memory", "licence", "")] + [_shown(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for cells in shown:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    return 0


def info(name: str, is_json: bool) -> int:
    """All that the card says, and what is on this machine."""
    _warn()
    card = store.find(name)
    row = _row(card) | _details(card)
    if is_json:
        _print_json(row)
        return 0
    for key, value in row.items():
        if value not in ("", 0, [], None):
            text = ", ".join(map(str, value)) if isinstance(value, list) else "yes" if value is True else value
            label = key.removesuffix("_bytes").replace("_", " ")
            print(f"{label:<16} {size_text(value) if key.endswith('_bytes') else text}")
    return 0


def path(name: str, is_json: bool) -> int:
    """Where the main file lies."""
    found = str(store.locate(store.find(name)))
    _print_json({"path": found}) if is_json else print(found)
    return 0


def verify(names: list[str], is_json: bool) -> int:
    """Read the files of these models, or of all that are there; 1 where one is not what it should be."""
    cards = [store.find(name) for name in names] or [card for card in store.cards().values() if _here(card)]
    rows = [_verdict(card) for card in cards]
    if is_json:
        _print_json(rows)
    for row in [] if is_json else rows:
        print(f"{'✓' if row['is_good'] else '✗'} {row['id']}: {row['says']}")
    return 0 if all(row["is_good"] for row in rows) else 1


def _print_json(answer: object) -> None:
    import json  # which the list for people does without

    print(json.dumps(answer))


def _warn() -> None:
    for problem in store.user_cards()[1]:
        print(f"codels: {problem}", file=sys.stderr)


def _here(card: ModelCard) -> dict[Path, ModelFile]:
    """The files of the card that are on this machine; none where not all that are needed are."""
    try:
        return store.files(card)
    except CodelsError:
        return {}


def _row(card: ModelCard) -> dict[str, Any]:
    here = _here(card)
    chosen = next(iter(here.values()), next(iter(card.files), ModelFile("")))
    need = memory.estimate(card, chosen.quantisation, memory.context_window(card))
    published = sum(file.size for file in card.needed(chosen.quantisation))
    return {
        "id": card.id,
        "title": card.title,
        "is_here": bool(here or card.remote),
        "quantisation": chosen.quantisation,
        "size_bytes": sum(file.stat().st_size for file in here) or published,
        "memory_bytes": need.total_bytes,
        "backend": card.backend,
        "problem": problem(card),
        "languages": sorted(card.languages),
        "license": card.license,
    }


def _shown(row: dict[str, Any]) -> tuple[str, ...]:
    size, need = (size_text(row[key]) if row[key] else "" for key in ("size_bytes", "memory_bytes"))
    title = f"{row['title']} (cannot be used yet)" if row["problem"] else row["title"]
    return "✓" if row["is_here"] else "", row["id"], size, need, row["license"], title


def problem(card: ModelCard) -> str:
    """Why this version of codels cannot use the model; empty where it can."""
    try:
        backends.check(card.backend)
    except CodelsError as error:
        return str(error)
    return uses.not_yet(card)


def _details(card: ModelCard) -> dict[str, Any]:
    places = list(map(str, _here(card)))
    return {
        "family": card.family,
        "order": str(card.order),
        "skills": sorted(card.skills),
        "abilities": uses.abilities(card),
        "for_completion": uses.for_completion(card),
        "note": card.note,
        "context_window": card.context_window,
        "license_note": card.license_note,
        "repo": card.repo,
        "quantisations": list(filter(None, card.quantisations)),
        "adapters": [f"{adapter.path} (scale {adapter.scale:g})" for adapter in card.adapters],
        "paths": places,
        "served_at": card.remote.url if card.remote else "",
        "sources": list(card.sources),
    }


def _verdict(card: ModelCard) -> dict[str, Any]:
    try:
        here = store.files(card)
        store.locate(card)
        unknown = [path.name for path, file in here.items() if not file.sha256]
        if len(unknown) == len(here):
            return {"id": card.id, "is_good": True, "says": "no hash is known of it"}
        is_good = store.verify(card)
    except CodelsError as error:
        return {"id": card.id, "is_good": False, "says": str(error)}
    says = "its sha256 is as it should be" if is_good else f"its sha256 is another: {store.remedy(card)}"
    rest = f"; no hash is known of {', '.join(unknown)}" if unknown else ""
    return {"id": card.id, "is_good": is_good, "says": says + rest}
