"""The models that are on this machine: what a dispatcher can choose from."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from codels.errors import ModelError
from codels.registry import memory, speeds, store
from codels.registry.card import ModelCard
from codels.registry.speeds import Speed

KV_SHARE = 0.2
"""Of the weights, for what a model without a known shape remembers: as much as its context takes in 7 B models."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model whose files are here. Sizes in bytes; `speed` where it was used on this machine's CPU."""

    card: ModelCard
    weights_bytes: int
    need_bytes: int
    speed: Speed | None = None


def candidates() -> tuple[Candidate, ...]:
    """All cards whose files are here, in the order of the cards. None that is served elsewhere: who wants code to be
    sent there names it.
    """
    known = speeds.read()
    found = []
    for card in store.cards().values():
        with suppress(ModelError, OSError):
            found.append(candidate(card, known))
    return tuple(found)


def candidate(card: ModelCard, known: dict[str, Speed]) -> Candidate:
    """Raises `ModelError` where its files are not here, or not as the card says."""
    main = store.locate(card)
    here = store.files(card)
    weights = sum(path.stat().st_size for path in here)
    quantisation = next(iter(here.values())).quantisation
    kv = memory.estimate(card, quantisation, memory.context_window(card)).kv_bytes or round(weights * KV_SHARE)
    return Candidate(card, weights, weights + kv, known.get(speeds.key(main)))
