"""Makes the selection again whenever something changes; what depends on the machine follows when that is known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from codels import hardware
from codels.dispatch.selection import Selection, select
from codels.errors import CodelsError
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
        self._devices: Devices | None = None
        self._choosing: asyncio.Task[None] | None = None

    def choose(self, settings: Settings) -> None:
        self.stop()
        selection = select(settings)
        self._take(selection)
        if selection.is_open:
            self._choosing = asyncio.create_task(self._choose(settings))

    async def settled(self) -> None:
        """Wait until nothing is open any more."""
        while self._choosing and not self._choosing.done():
            await asyncio.wait([self._choosing])

    def stop(self) -> None:
        if self._choosing:
            self._choosing.cancel()

    async def _choose(self, settings: Settings) -> None:
        """The devices are asked for once: later, the models that are loaded would count against themselves."""
        if self._devices is None:
            self._devices = await self._known_devices()
        selection = select(settings, hardware.measure(settings.threads, self._devices))
        if self._devices.problem:
            selection.notices.append(self._devices.problem)
        self._take(selection)

    async def _known_devices(self) -> Devices:
        try:
            return await asyncio.wait_for(self._ask(), DEVICES_S)
        except (CodelsError, TimeoutError) as error:
            log.warning("the engine does not say which devices there are (%s)", str(error) or type(error).__name__)
            return Devices()


async def watch(changed: Callable[[], None]) -> None:
    """Call `changed` after `codels models use`, a pull, or a new card. Runs until it is cancelled."""
    seen = choices.stamp()
    while True:
        await asyncio.sleep(WATCH_S)
        if (now := choices.stamp()) != seen:
            seen = now
            changed()
