"""Settings → choice → file → backend → engine → completer: the one place that puts them together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from codels import hardware
from codels.cancel import CancelToken
from codels.completion import Completer
from codels.core import Answer, Role, Site
from codels.dispatch.chooser import Chooser
from codels.dispatch.loading import wanted
from codels.dispatch.pool import Pool
from codels.dispatch.selection import Selection, limit_bytes
from codels.dispatch.ways import Choice
from codels.engine.client import EngineClient, Status
from codels.errors import CodelsError, EngineDown
from codels.examination import known
from codels.probe import Verdict
from codels.registry.card import ModelCard
from codels.request import Model, Request
from codels.resolve import resolve
from codels.serving import Serving
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
        self._on_notice = on_notice
        self._on_missing = on_missing or self._tell_missing
        self._serving = Serving(on_status, self._tell, self._give_up, self._leave_gpus)
        self.engine = self._serving.engine
        self._pool = Pool(lambda: EngineClient(self._tell_notice))
        self._chooser = Chooser(self.engine.devices, self._take)
        self._completer = Completer(self.engine)
        self.settings = Settings()
        self.choices: dict[Role, Choice] = {}
        self._told: set[str] = set()

    @property
    def card(self) -> ModelCard | None:
        """Of the model that completes, which may still be loading."""
        return self._serving.card

    @property
    def model(self) -> Model | None:
        """The model that completes, as soon as it can be used."""
        return self._serving.model

    @property
    def verdict(self) -> Verdict | None:
        """What was found of it; None where nothing had to be."""
        return self._serving.verdict

    @property
    def status(self) -> Status:
        return self._serving.status

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

    async def ready(self) -> None:
        """Wait until the model that completes can be used. Raises `EngineDown` with the reason where it cannot be."""
        await self._serving.ready()

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
            info = await engine.ready()
            yield engine, resolve(load.card, info, known(load.card, info))[0]

    async def complete(self, site: Site, is_explicit: bool, cancel: CancelToken) -> Answer:
        """What to offer at `site`, or why nothing. A model that fails is told to the user, once."""
        model, meter = self.model, self._serving.meter
        if model is None:
            return Answer(reason=self.status.message)
        try:
            answer = await self._completer.complete(Request(site, model, self.settings, is_explicit, cancel))
        except CodelsError as error:
            if not isinstance(error, EngineDown):  # that one tells by its status
                self._tell(str(error))
            return Answer(reason=str(error))
        if answer.stats and meter:
            meter.add(answer.stats)
        return answer

    def forget(self, uri: str) -> None:
        self._completer.forget(uri)

    async def stop(self) -> None:
        self._chooser.stop()
        await asyncio.gather(self._serving.stop(), self._pool.stop())

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
            self._serving.take(completion, self.settings)

    def _give_up(self, why: str) -> None:
        """A model that the dispatcher has chosen and that cannot be loaded gives way to the next one."""
        self._chooser.give_up(self.choices[Role.COMPLETION], why)

    def _leave_gpus(self) -> None:
        self._chooser.leave_gpus()

    def _tell_missing(self, card: ModelCard) -> None:
        fetch = f"`codels models pull {card.id}` fetches it"
        self._tell(f"{card.id} is not on this machine: {fetch}, and until then another one serves")

    def _tell_notice(self, status: Status) -> None:
        if status.notice:
            self._tell(status.notice)

    def _tell(self, notice: str) -> None:
        if notice not in self._told:
            self._told.add(notice)
            self._on_notice(notice)
