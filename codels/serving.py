"""The model that completes: loaded into its engine, checked, and followed until another one comes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from codels.backends import ModelInfo
from codels.dispatch.loading import Load, wanted
from codels.dispatch.ways import Choice
from codels.engine.client import EngineClient, State, Status
from codels.errors import CodelsError
from codels.examination import CHECKING, Examiner
from codels.probe import Verdict
from codels.registry.card import ModelCard
from codels.registry.speeds import SpeedMeter
from codels.request import Model
from codels.resolve import resolve
from codels.settings import Settings


class Serving:
    """`on_status` hears every change, `tell` sentences for the user, `on_broken` why a model cannot be loaded,
    `on_gpu_death` that the engine died of a GPU.

    `model` is None until it can be used; `status` says why. `meter` measures it. Belongs to one event loop.
    """

    def __init__(
        self,
        on_status: Callable[[Status], None],
        tell: Callable[[str], None],
        on_broken: Callable[[str], None],
        on_gpu_death: Callable[[], None],
    ) -> None:
        self._on_status = on_status
        self._tell = tell
        self._on_broken = on_broken
        self._on_gpu_death = on_gpu_death
        self.engine = EngineClient(self._follow)
        self.card: ModelCard | None = None
        self.model: Model | None = None
        self.verdict: Verdict | None = None
        self.meter: SpeedMeter | None = None
        self._load: Load | None = None
        self._is_loading = True
        self._checking: Status | None = None
        self._examiner = Examiner(self.engine, self._show_checking)

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

    def take(self, choice: Choice, settings: Settings) -> None:
        """Load the chosen model, where it is another one than now or its file has changed."""
        try:
            load = wanted(choice, settings)
        except CodelsError as error:
            self.card = self.model = self._load = None
            self.engine.fail(str(error))
            return
        if load != self._load:
            self._save_speed()
            self.card, self.model, self._load = load.card, None, load
            here = load.card.remote is None
            self.meter = SpeedMeter(Path(load.spec.path), load.spec.threads) if here else None
            self.engine.load(load.spec)

    async def stop(self) -> None:
        self._examiner.stop()
        self._save_speed()
        await self.engine.stop()

    def _follow(self, status: Status) -> None:
        was_loading, self._is_loading = self._is_loading, status.info is None
        self.model = self.verdict = self._checking = None
        (self._examiner.give_up if status.state is State.DOWN else self._examiner.stop)()
        if status.info and self.card:
            self._examiner.begin(self.card, status.info, partial(self._use, self.card, status.info))
        if status.state is State.FAILED or status.notice:
            self._tell(status.notice or status.message)
        if not self._checking:
            self._on_status(status)
        if self.card and (status.state is State.FAILED or (status.state is State.DOWN and was_loading)):
            self._on_broken(status.message)
        if status.notice:
            self._on_gpu_death()

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

    def _save_speed(self) -> None:
        """For the dispatcher, whose estimates are of the CPU."""
        info = self.engine.status.info
        if self.meter and info and not info.is_on_gpu:
            self.meter.save()
        self.meter = None
