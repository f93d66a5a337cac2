"""After a load: the verdict on how the model fills in the middle, from the disk or by asking the model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from codels import verdicts
from codels.backends import ModelInfo, Score
from codels.cancel import CancelToken
from codels.engine.client import EngineClient
from codels.errors import Cancelled, CodelsError, EngineDown
from codels.generation import Prompt
from codels.probe import Subject, Verdict
from codels.probe.run import probe
from codels.registry import store
from codels.registry.card import ModelCard
from codels.resolve import subject

log = logging.getLogger(__name__)

CHECKING = "checking how the model fills in the middle"

OnVerdict = Callable[[Verdict | None], None]
OnProgress = Callable[[float], None]


class Examiner:
    """One examination at a time, in the event loop of its engine."""

    def __init__(self, engine: EngineClient, on_progress: OnProgress) -> None:
        self._engine = engine
        self._on_progress = on_progress
        self._task: asyncio.Task[None] | None = None
        self._cancel = CancelToken()
        self._fatal: set[str] = set()

    @property
    def is_busy(self) -> bool:
        """Whether a verdict is still to come."""
        return self._task is not None and not self._task.done()

    def begin(self, card: ModelCard, info: ModelInfo, on_verdict: OnVerdict) -> None:
        """Call `on_verdict`: at once where there is nothing to find out, or it is known; else when it is found.

        None: nobody knows, the card is to be believed.
        """
        self.stop()
        wanted = None if store.is_built_in(card) or card.id in self._fatal else subject(card, info)
        found = verdicts.find(card, wanted) if wanted else None
        if wanted is None or found:
            on_verdict(found)
            return
        self._cancel = CancelToken()
        self._task = asyncio.create_task(self._examine(card, wanted, on_verdict, self._cancel))

    def stop(self) -> None:
        """Another model comes, or none: no verdict follows any more."""
        self._cancel.cancel()
        if self._task:
            self._task.cancel()
        self._task = None

    async def wait(self) -> None:
        """Until the verdict is there, or will not come."""
        if self._task:
            await asyncio.wait([self._task])

    async def _examine(self, card: ModelCard, wanted: Subject, on_verdict: OnVerdict, cancel: CancelToken) -> None:
        hashing = asyncio.create_task(asyncio.to_thread(_digest, card, cancel))  # beside the engine's work
        try:
            verdict = await self._ask(card, wanted, cancel)
        except EngineDown:
            self._fatal.add(card.id)  # asked again, it would die again
            return
        except Cancelled:
            return
        on_verdict(verdict)
        if verdict and (digest := await hashing):
            verdicts.keep(digest, wanted, verdict)

    async def _ask(self, card: ModelCard, wanted: Subject, cancel: CancelToken) -> Verdict | None:
        async def score(prompt: Prompt, text: str) -> Score:
            return await self._engine.score(prompt, text, cancel)

        self._on_progress(0.0)
        try:
            return await probe(wanted, score, self._on_progress)
        except (EngineDown, Cancelled):
            raise
        except CodelsError as error:
            log.warning("%s could not be checked: %s", card.id, error)
            return None


def _digest(card: ModelCard, cancel: CancelToken) -> str:
    """The hash of the model's file; empty where it cannot be read, or is not wanted any more."""
    try:
        return verdicts.known_digest(card) or verdicts.compute_digest(store.locate(card), cancel)
    except (OSError, CodelsError):
        return ""
