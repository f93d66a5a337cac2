"""One answer of a model that is asked token by token: reading the prompt, and what each step has cost. No library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from codels.backends.deadline import Deadline
from codels.backends.kvcache import KvCache
from codels.backends.plan import N_SLICE
from codels.cancel import CancelToken
from codels.generation import Stats, Step


def read(cache: KvCache, tokens: list[int], cancel: CancelToken, clock: Deadline) -> str:
    """Evaluate what is not cached, in slices; what is done stays usable. Returns why it stopped, or ""."""
    while len(cache.tokens) < len(tokens):
        if cancel.is_cancelled:
            return "cancelled"
        if clock.is_late:
            return "time"
        n_done = len(cache.tokens)
        if not cache.evaluate(tokens[n_done : n_done + N_SLICE]):
            return "cancelled" if cancel.is_cancelled else "limit"
    return ""


def told(stats: Stats, decoding: Iterator[Step], cancel: CancelToken, clock: Deadline) -> Iterator[Step]:
    """The steps with what they have cost, then the last one; its reason is that of `decoding`'s last step, or of
    `stats` where the prompt was not read.
    """
    stats, why = replace(stats, prefill_ms=clock.ms(), why_stopped=""), stats.why_stopped
    if not why:
        for step in decoding:
            n_decoded, why = stats.n_decoded + len(step.token_ids), step.stats.why_stopped
            stats = replace(stats, n_decoded=n_decoded, decode_ms=clock.ms() - stats.prefill_ms)
            if not step.is_last:
                yield replace(step, stats=stats)
    yield Step(stats=replace(stats, why_stopped="cancelled" if cancel.is_cancelled else why))
