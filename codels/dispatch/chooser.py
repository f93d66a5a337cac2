"""Makes the selection again whenever something changes; what depends on the machine follows when that is known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from codels import hardware
from codels.dispatch.selection import Selection, select
from codels.dispatch.ways import Choice
from codels.errors import CodelsError, EngineDown
from codels.machine import Devices
from codels.registry import choices
from codels.settings import Settings

log = logging.getLogger(__name__)

WATCH_S = 1.0
"""Between looks at whether something was chosen, pulled or removed."""

DEVICES_S = 20.0
"""A driver that takes longer to say which GPUs there are is not waited for."""


class Chooser:
    """`take` hears a selection at once and, where the machine matters, a second one. Belongs to one event loop."""

    def __init__(self, devices: Callable[[], Awaitable[Devices]], take: Callable[[Selection], None]) -> None:
        self._ask = devices
        self._take = take
        self._settings = Settings()
        self._broken: dict[str, str] = {}
        """Ids of models by why they cannot be loaded; who names one gets it all the same."""
        self._without_gpu: set[int | None] = {0}
        """What `gpu_layers` may be for the GPUs to be left out."""
        self._devices: Devices | None = None
        self._choosing: asyncio.Task[None] | None = None

    def choose(self, settings: Settings) -> None:
        """Take these settings."""
        self._settings = settings
        self._begin()

    def refresh(self) -> None:
        """Choose again: what is wanted, or what is on this machine, may have changed."""
        self._broken = {}
        self._begin()

    def give_up(self, choice: Choice, why: str) -> None:
        """A model cannot be loaded: where the dispatcher has chosen it, the next one gets its turn."""
        if choice.card and choice.way and choice.card.id not in self._broken:
            self._broken = {**self._broken, choice.card.id: why}
            self._begin()

    def leave_gpus(self) -> None:
        """The engine has died of a GPU: with these settings, models are chosen for the CPU from now on."""
        self._without_gpu.add(self._settings.gpu_layers)
        self._begin()

    async def settled(self) -> None:
        """Wait until nothing is open any more."""
        while self._choosing and not self._choosing.done():
            await asyncio.wait([self._choosing])

    def stop(self) -> None:
        if self._choosing:
            self._choosing.cancel()

    def _begin(self) -> None:
        self.stop()
        if self._devices or not self._may_use_gpus:
            self._take(self._measured(self._devices or Devices()))
            return
        selection = select(self._settings, self._broken)
        self._take(selection)
        if selection.is_open:
            self._choosing = asyncio.create_task(self._ask_and_take())

    async def _ask_and_take(self) -> None:
        """The devices are asked for once: later, the models that are loaded would count against themselves."""
        try:
            self._devices = await asyncio.wait_for(self._ask(), DEVICES_S)
        except (CodelsError, TimeoutError) as error:
            level = logging.INFO if isinstance(error, EngineDown) else logging.WARNING  # that it died is told anyway
            log.log(level, "the engine does not say which devices there are (%s)", str(error) or type(error).__name__)
        self._take(self._measured(self._devices or Devices()))

    @property
    def _may_use_gpus(self) -> bool:
        return self._settings.gpu_layers not in self._without_gpu

    def _measured(self, devices: Devices) -> Selection:
        usable = devices if self._may_use_gpus else Devices()
        selection = select(self._settings, self._broken, hardware.measure(self._settings.threads, usable))
        selection.notices += [devices.problem] if devices.problem else []
        return selection


async def watch(changed: Callable[[], None]) -> None:
    """Call `changed` after `codels models use`, a pull, or a new card. Runs until it is cancelled, whatever happens."""
    seen = choices.stamp()
    while True:
        await asyncio.sleep(WATCH_S)
        try:
            if (now := choices.stamp()) != seen:
                seen = now
                changed()
        except Exception as error:  # our own mistake: the next change is seen all the same
            log.error("%s while models changed", type(error).__name__)
