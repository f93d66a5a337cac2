"""Settings → choice → file → backend → engine → completer: the one place that puts them together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from codels import hardware
from codels.backends import ModelInfo
from codels.cancel import CancelToken
from codels.completion import Completer
from codels.core import Answer, Role, Site
from codels.dispatch.chooser import Chooser
from codels.dispatch.loading import Load, wanted
from codels.dispatch.pool import Pool
from codels.dispatch.selection import Selection, limit_bytes
from codels.dispatch.ways import Choice
from codels.engine.client import EngineClient, State, Status
from codels.errors import CodelsError, EngineDown
from codels.examination import CHECKING, Examiner, known
from codels.probe import Verdict
from codels.registry.card import ModelCard
from codels.registry.speeds import Meter
from codels.request import Model, Request
from codels.resolve import resolve
from codels.settings import Settings

log = logging.getLogger(__name__)


class Runtime:
    """A completer with its engine, for as long as the process lives. Belongs to one event loop.

    `on_status` hears every change of the engine; `on_notice` a sentence for the user, each once per model; `on_missing`
    each wanted model of the hub that is not on this machine, as often as the choice is made.
    """

    def __init__(
        self,
        on_status: Callable[[Status], None],
        on_notice: Callable[[str], None],
        on_missing: Callable[[ModelCard], None] | None = None,
    ) -> None:
        self._on_status = on_status
        self._on_notice = on_notice
        self._on_missing = on_missing or self._tell_missing
        self.engine = EngineClient(self._follow)
        self._pool = Pool()
        self._chooser = Chooser(self.engine.devices, self._take)
        self._completer = Completer(self.engine)
        self.settings = Settings()
        self.choices: dict[Role, Choice] = {}
        self.card: ModelCard | None = None
        self.model: Model | None = None
        self.verdict: Verdict | None = None
        self._load: Load | None = None
        self._meter: Meter | None = None
        self._is_loading = True
        self._checking: Status | None = None
        self._examiner = Examiner(self.engine, self._show_checking)
        self._told: set[str] = set()

    async def start(self, process: asyncio.subprocess.Process | None = None) -> None:
        """Start the engine's process, or take over one; `configure` then loads a model."""
        await self.engine.start(process)

    def configure(self, settings: Settings) -> None:
        """Take new settings; another model, or another way to load it, loads again, and nothing waits for that."""
        if settings.wanted(Role.COMPLETION) != self.settings.wanted(Role.COMPLETION):
            self._told.clear()
        self.settings = settings
        self._chooser.choose(settings)

    def refresh(self) -> None:
        """What is wanted, or what is on this machine, may have changed."""
        self._chooser.refresh()

    async def settled(self) -> None:
        """Wait until each role has its choice."""
        await self._chooser.settled()

    @asynccontextmanager
    async def role(self, role: Role) -> AsyncIterator[tuple[EngineClient, Model]]:
        """An engine that serves `role`, loaded on demand, for as long as the block runs.

        Raises `CodelsError` where no model can, or where its model cannot be loaded.
        """
        await self.settled()
        choice, completion = self.choices[role], self.choices[Role.COMPLETION]
        load = wanted(choice, self.settings)
        if load.card == self.card:
            await self.ready()
            assert self.model
            yield self.engine, self.model
            return
        limit = limit_bytes(self.settings, hardware.measure()) - completion.need_bytes
        async with self._pool.use(load, choice.need_bytes, limit) as engine:
            assert engine.status.info
            yield engine, resolve(load.card, engine.status.info, known(load.card, engine.status.info))[0]

    async def complete(self, site: Site, is_explicit: bool, cancel: CancelToken) -> Answer:
        """What to offer at `site`, or why nothing. A model that fails is told to the user, once."""
        if self.model is None:
            return Answer(reason=self.status.message)
        try:
            answer = await self._completer.complete(Request(site, self.model, self.settings, is_explicit, cancel))
        except CodelsError as error:
            if not isinstance(error, EngineDown):  # that one tells by its status
                self._tell(str(error))
            return Answer(reason=str(error))
        if answer.stats and self._meter:
            self._meter.add(answer.stats)
        return answer

    def forget(self, uri: str) -> None:
        self._completer.forget(uri)

    async def stop(self) -> None:
        self._chooser.stop()
        self._examiner.stop()
        self._save_speed()
        await asyncio.gather(self.engine.stop(), self._pool.stop())

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

    def _take(self, selection: Selection) -> None:
        for notice in selection.notices:
            self._tell(notice)
        for card in selection.missing:
            self._on_missing(card)
        for role, choice in selection.choices.items():
            if choice != self.choices.get(role):
                log.info("%s", choice.sentence)
        chosen = {**self.choices, **selection.choices}
        self.choices = {role: chosen[role] for role in Role if role in chosen}
        if completion := selection.choices.get(Role.COMPLETION):
            self._serve(completion)

    def _serve(self, choice: Choice) -> None:
        """Load the completion's model, where it is another one than now or its file has changed."""
        try:
            load = wanted(choice, self.settings)
        except CodelsError as error:
            self.card = self.model = self._load = None
            self.engine.fail(str(error))
            return
        if load != self._load:
            self._save_speed()
            self.card, self.model, self._load = load.card, None, load
            self._meter = Meter(Path(load.spec.path), load.spec.threads)
            self.engine.load(load.spec)

    def _follow(self, status: Status) -> None:
        """A model that the dispatcher has chosen and that cannot be loaded gives way to the next one."""
        was_loading, self._is_loading = self._is_loading, status.info is None
        self._take_status(status)
        if self.card and (status.state is State.FAILED or (status.state is State.DOWN and was_loading)):
            self._chooser.give_up(self.choices[Role.COMPLETION], status.message)

    def _save_speed(self) -> None:
        """For the dispatcher, whose estimates are of the CPU."""
        info = self.engine.status.info
        if self._meter and info and not info.is_on_gpu:
            self._meter.save()
        self._meter = None

    def _tell_missing(self, card: ModelCard) -> None:
        fetch = f"`codels models pull {card.id}` fetches it"
        self._tell(f"{card.id} is not on this machine: {fetch}, and until then another one serves")

    def _take_status(self, status: Status) -> None:
        self.model = self._checking = None
        (self._examiner.give_up if status.state is State.DOWN else self._examiner.stop)()
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
