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


def known(card: ModelCard, info: ModelInfo) -> Verdict | None:
    """What was found of a model before; it is asked nothing."""
    wanted = _question(card, info)
    return verdicts.find(card, wanted) if wanted else None


class Examiner:
    """One examination at a time, in the event loop of its engine."""

    def __init__(self, engine: EngineClient, on_progress: OnProgress) -> None:
        self._engine = engine
        self._on_progress = on_progress
        self._task: asyncio.Task[None] | None = None
        self._cancel = CancelToken()
        self._card_id = ""
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
        wanted = None if card.id in self._fatal else _question(card, info)
        found = verdicts.find(card, wanted) if wanted else None
        if wanted is None or found:
            on_verdict(found)
            return
        self._cancel, self._card_id = CancelToken(), card.id
        self._task = asyncio.create_task(self._examine(card, wanted, on_verdict, self._cancel))
        self._on_progress(0.0)

    def give_up(self) -> None:
        """The engine died: a model that it was asked about would let it die again, so it is asked no more."""
        if self.is_busy:
            self._fatal.add(self._card_id)
        self.stop()

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
        except (EngineDown, Cancelled):
            return  # what comes next says why
        on_verdict(verdict)
        if verdict and (digest := await hashing):
            verdicts.keep(digest, wanted, verdict)

    async def _ask(self, card: ModelCard, wanted: Subject, cancel: CancelToken) -> Verdict | None:
        async def score(prompt: Prompt, text: str) -> Score:
            return await self._engine.score(prompt, text, cancel)

        try:
            return await probe(wanted, score, self._on_progress)
        except EngineDown:
            raise
        except Exception as error:  # our own mistakes too: a model that is not checked serves, one that waits does not
            if cancel.is_cancelled:
                raise
            said = str(error) if isinstance(error, CodelsError) else type(error).__name__
            log.warning("%s could not be checked: %s", card.id, said)
            return None


def _digest(card: ModelCard, cancel: CancelToken) -> str:
    """The hash of the model; empty where it cannot be read, or is not wanted any more."""
    try:
        return verdicts.compute_digest(card, cancel)
    except (OSError, CodelsError):
        return ""


def _question(card: ModelCard, info: ModelInfo) -> Subject | None:
    """What is to be found out; None where nothing is. The built-in model is known."""
    return None if store.is_built_in(card) else subject(card, info)
