"""Engines for models beside the completion's: one process each, the least recently used ended where memory is short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from codels.dispatch.loading import Load
from codels.engine.client import EngineClient
from codels.errors import EngineDown, UserError
from codels.sizes import size_text


@dataclass(slots=True)
class _Slot:
    engine: EngineClient
    need_bytes: int
    starting: asyncio.Task[None] | None = None
    n_users: int = 0


class Pool:
    """Loaded models by what was loaded, the least recently used first. Belongs to one event loop."""

    def __init__(self, new_engine: Callable[[], EngineClient] = EngineClient) -> None:
        self._new_engine = new_engine
        self._slots: dict[Load, _Slot] = {}

    @property
    def loaded(self) -> tuple[Load, ...]:
        return tuple(self._slots)

    @asynccontextmanager
    async def use(self, load: Load, need_bytes: int, limit_bytes: int) -> AsyncIterator[EngineClient]:
        """A ready engine with this model, which stays loaded at least until the block ends. `limit_bytes` for all.

        Raises `UserError` where it does not fit beside models in use, `EngineDown` where it cannot be loaded.
        """
        slot = self._slots.pop(load, None) or self._new_slot(load, need_bytes, limit_bytes)
        self._slots[load] = slot  # the last one now
        slot.n_users += 1
        try:
            assert slot.starting
            await asyncio.shield(slot.starting)
            await slot.engine.ready()
            yield slot.engine
        finally:
            slot.n_users -= 1
            if not slot.n_users and slot.engine.status.info is None:  # it cannot be loaded, or nobody waits any more
                self._slots.pop(load, None)
                await _end(slot)

    async def stop(self) -> None:
        slots, self._slots = list(self._slots.values()), {}
        await asyncio.gather(*map(_end, slots))

    def _new_slot(self, load: Load, need_bytes: int, limit_bytes: int) -> _Slot:
        """In the table before anything is awaited, so that nobody starts the same model a second time."""
        former = self._make_room(load, need_bytes, limit_bytes)
        slot = _Slot(self._new_engine(), need_bytes)
        slot.starting = asyncio.create_task(_start(slot.engine, load, former))
        return slot

    def _make_room(self, load: Load, need_bytes: int, limit_bytes: int) -> list[_Slot]:
        """Take idle models out of the table until the new one fits; they have to be ended. Raises `UserError`."""
        idle = [other for other, slot in self._slots.items() if not slot.n_users]
        n_left = limit_bytes - need_bytes - sum(slot.need_bytes for slot in self._slots.values())
        doomed: list[Load] = []
        while n_left < 0 and idle:
            doomed.append(idle.pop(0))
            n_left += self._slots[doomed[-1]].need_bytes
        if n_left < 0:
            room = size_text(max(0, need_bytes + n_left))
            needs = f"{Path(load.spec.path).name} needs {size_text(need_bytes)}"
            raise UserError(
                f"{needs}, and {room} of the memory for models are not in use: raise codels.memory_mb, or choose a "
                "smaller model"
            )
        return [self._slots.pop(other) for other in doomed]


async def _start(engine: EngineClient, load: Load, former: list[_Slot]) -> None:
    """Those that must go first are gone before the new one takes memory. Raises `EngineDown`."""
    await asyncio.gather(*map(_end, former))
    try:
        await engine.start()
    except OSError as error:
        raise EngineDown(f"the engine cannot be started ({error.strerror})") from error
    engine.load(load.spec)


async def _end(slot: _Slot) -> None:
    if slot.starting:
        await asyncio.wait([slot.starting])  # half a process would be nobody's
    await slot.engine.stop()
