"""Settings → card → file → backend → engine → completer: the one place that puts them together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial

from codels import backends
from codels.backends import LoadSpec, ModelInfo
from codels.cancel import CancelToken
from codels.completion import Completer
from codels.core import Answer, Site
from codels.engine.client import EngineClient, State, Status
from codels.errors import BackendMissing, CodelsError, EngineDown, UserError
from codels.examination import CHECKING, Examiner
from codels.probe import Verdict
from codels.prompt.families import FAMILIES
from codels.registry import store
from codels.registry.card import ModelCard
from codels.request import Model, Request
from codels.resolve import resolve
from codels.settings import Settings

_MARKERS = tuple(dict.fromkeys(marker for family in FAMILIES.values() for marker in family.all_markers))


class Runtime:
    """A completer with its engine, for as long as the process lives. Belongs to one event loop.

    `on_status` hears every change of the engine; `on_notice` a sentence for the user, each once per model.
    """

    def __init__(self, on_status: Callable[[Status], None], on_notice: Callable[[str], None]) -> None:
        self._on_status = on_status
        self._on_notice = on_notice
        self.engine = EngineClient(self._take_status)
        self._completer = Completer(self.engine)
        self.settings = Settings()
        self.card: ModelCard | None = None
        self.model: Model | None = None
        self.verdict: Verdict | None = None
        self._checking: Status | None = None
        self._examiner = Examiner(self.engine, self._show_checking)
        self._told: set[str] = set()

    async def start(self, process: asyncio.subprocess.Process | None = None) -> None:
        """Start the engine's process, or take over one; `configure` then loads a model."""
        await self.engine.start(process)

    def configure(self, settings: Settings) -> None:
        """Take new settings; a changed model, or another way to load it, loads again, and nothing waits for that."""
        if settings.model != self.settings.model:
            self._told.clear()
        is_same = self.card and _loaded_by(settings) == _loaded_by(self.settings)
        self.settings = settings
        for problem in store.user_cards()[1]:
            self._tell(problem)
        if is_same:
            return
        self.model = None
        try:
            self.card = find(settings.model)
            self.engine.load(load_spec(self.card, settings))
        except CodelsError as error:
            self.card = None
            self.engine.fail(str(error))

    async def complete(self, site: Site, is_explicit: bool, cancel: CancelToken) -> Answer:
        """What to offer at `site`, or why nothing. A model that fails is told to the user, once."""
        if self.model is None:
            return Answer(reason=self.status.message)
        try:
            return await self._completer.complete(Request(site, self.model, self.settings, is_explicit, cancel))
        except CodelsError as error:
            if not isinstance(error, EngineDown):  # that one tells by its status
                self._tell(str(error))
            return Answer(reason=str(error))

    def forget(self, uri: str) -> None:
        self._completer.forget(uri)

    async def stop(self) -> None:
        self._examiner.stop()
        await self.engine.stop()

    @property
    def status(self) -> Status:
        """The engine's; while a loaded model is checked, loading goes on."""
        return self._checking or self.engine.status

    async def ready(self) -> None:
        """Wait until the model can be used. Raises `EngineDown` with the reason where it cannot be."""
        await self.engine.ready()
        while self._examiner.is_busy:
            await self._examiner.wait()
            await self.engine.ready()

    def _take_status(self, status: Status) -> None:
        self.model = self._checking = None
        self._examiner.stop()
        if status.info and self.card:
            self._examiner.begin(self.card, status.info, partial(self._use, self.card, status.info))
        if status.state is State.FAILED:
            self._tell(status.message)
        if not self._checking:
            self._on_status(status)

    def _use(self, card: ModelCard, info: ModelInfo, verdict: Verdict | None) -> None:
        self.verdict = verdict
        self.model, notice = resolve(card, info, verdict)
        if notice:
            self._tell(notice)
        if self._checking:
            self._checking = None
            self._on_status(self.engine.status)

    def _show_checking(self, fraction: float) -> None:
        self._checking = Status(State.LOADING, CHECKING, fraction)
        self._on_status(self._checking)

    def _tell(self, notice: str) -> None:
        if notice not in self._told:
            self._told.add(notice)
            self._on_notice(notice)


def find(name: str) -> ModelCard:
    """The card of a model whose file is there. Raises `UserError` or `ModelError` where it is not."""
    try:
        card = store.find(name)
        backends.check(card.backend)
        store.locate(card)
    except BackendMissing as error:
        raise BackendMissing(f"{name} cannot be used yet: {error}") from error
    except (OSError, RuntimeError, ValueError) as error:  # names that no file system takes, homes of nobody
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise UserError(f"the model {name!r:.80} cannot be looked for: {reason}") from error
    return card


def load_spec(card: ModelCard, settings: Settings) -> LoadSpec:
    """Raises `ModelError` where the file is not as the card says."""
    threads = settings.threads or max(1, (os.cpu_count() or 2) - 1)
    return LoadSpec(
        card.backend,
        str(store.locate(card)),
        settings.context_window,
        threads,
        _MARKERS,
        card.copy_weights,
        card.beams,
        card.context_window,
        settings.gpu_layers,
    )


def _loaded_by(settings: Settings) -> tuple[object, ...]:
    """What a load depends on."""
    return settings.model, settings.threads, settings.context_window, settings.gpu_layers
