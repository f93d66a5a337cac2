"""`codels models pull`: a model's file is fetched, with a line that shows how far it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from codels.cancel import CancelToken
from codels.commands import models
from codels.registry import store
from codels.registry.card import ModelCard
from codels.registry.progress import Progress, line
from codels.registry.pull import Talk, pull

_CLEAR = "\r\x1b[K"


def pull_model(name: str, is_offline: bool, is_json: bool) -> int:
    """Fetch what is missing, and print where it lies. Progress and notes go to standard error."""
    card = store.find(name)
    path, notes = fetch(card, is_offline)
    print(json.dumps({"id": card.id, "path": str(path), "notes": notes}) if is_json else path)
    return 0


def fetch(card: ModelCard, is_offline: bool) -> tuple[Path, list[str]]:
    """Where the main file lies when it is there, and what was told on the way."""
    notes: list[str] = []

    def tell(sentence: str) -> None:
        notes.append(sentence)
        print(f"{_CLEAR if sys.stderr.isatty() else ''}codels: {sentence}", file=sys.stderr)

    if problem := models.problem(card):
        tell(f"{card.id} can be fetched, but not used: {problem}")
    if card.license_note:
        tell(f"{card.id} is under the licence {card.license}: {card.license_note}")
    try:
        path = pull(card, Talk(tell, _show if sys.stderr.isatty() else _ignore), CancelToken(), is_offline)
    except KeyboardInterrupt:
        tell("stopped; what has come is kept, and the same command goes on from there")
        raise
    return path, notes


def _show(progress: Progress) -> None:
    print(f"{_CLEAR}{line(progress)}", end="", file=sys.stderr, flush=True)
    if progress.done_bytes == progress.total_bytes:
        print(_CLEAR, end="", file=sys.stderr, flush=True)


def _ignore(_progress: Progress) -> None:
    """Nobody watches."""
