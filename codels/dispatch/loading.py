"""What is loaded for a choice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codels import hardware
from codels.backends import Adapter, LoadSpec
from codels.dispatch.ways import Choice
from codels.endpoint import Endpoint
from codels.errors import ModelError
from codels.prompt.families import FAMILIES
from codels.registry import store
from codels.registry.card import ModelCard
from codels.settings import Settings

_MARKERS = tuple(dict.fromkeys(marker for family in FAMILIES.values() for marker in family.all_markers))


@dataclass(frozen=True, slots=True)
class Load:
    """Two that are equal need no second load. `changed_ns`: when the file was."""

    card: ModelCard
    spec: LoadSpec
    changed_ns: int


def wanted(choice: Choice, settings: Settings) -> Load:
    """Raises `ModelError` where there is nothing to load, or where its file is not as its card says."""
    if choice.card is None:
        raise ModelError(choice.reason)
    if choice.card.remote:
        return Load(choice.card, _remote_spec(choice.card, choice.card.remote, settings), 0)
    try:
        spec = load_spec(choice.card, settings)
        return Load(choice.card, spec, Path(spec.path).stat().st_mtime_ns)
    except OSError as error:
        raise ModelError(f"{error.filename} cannot be read: {error.strerror}") from error


def _remote_spec(card: ModelCard, remote: Endpoint, settings: Settings) -> LoadSpec:
    """Its vocabulary cannot be asked, so its markers are those of its family."""
    return LoadSpec(
        backend=card.backend,
        path=card.id,
        context_window=settings.context_window,
        markers=FAMILIES[card.family].all_markers,
        max_window=card.context_window,
        remote=remote,
    )


def load_spec(card: ModelCard, settings: Settings) -> LoadSpec:
    """Raises `ModelError` where the file is not as the card says."""
    return LoadSpec(
        backend=card.backend,
        path=str(store.locate(card)),
        context_window=settings.context_window,
        threads=settings.threads or hardware.threads(),
        markers=_MARKERS,
        copy_weights=card.copy_weights,
        beams=card.beams,
        max_window=card.context_window,
        gpu_layers=settings.gpu_layers,
        adapters=tuple(Adapter(path, scale) for path, scale in store.adapters(card)),
    )
