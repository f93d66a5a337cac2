"""Engines with scripted models; all are ended after the test, whatever happened in it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from codels.backends import LoadSpec
from codels.cancel import CancelToken
from codels.engine.client import EngineClient, State, Status
from codels.generation import Part, Prompt, SamplingParams, Stats

PATIENCE_S = 30.0
"""How long a test waits for what must come; only a broken engine needs it."""

MINUTE = 60_000
"""Milliseconds: longer than any test waits, so whatever ends before was ended."""

DELAYS_S = (0.011, 0.022, 0.044, 0.088)
"""Between restarts, in these tests; nobody else sleeps that long."""

Script = Callable[..., LoadSpec]


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run an asynchronous test; one that hangs fails."""

    async def within_patience() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test

    asyncio.run(within_patience())


class Engine(EngineClient):
    """A client that remembers what it was told, and can be waited for."""

    def __init__(self) -> None:
        self.told: list[Status] = []
        self._news = asyncio.Event()
        super().__init__(self._hear)

    def _hear(self, status: Status) -> None:
        self.told.append(status)
        self._news.set()

    @property
    def states(self) -> list[State]:
        """The states in order, each change once."""
        states = [status.state for status in self.told]
        return [state for n, state in enumerate(states) if n == 0 or states[n - 1] is not state]

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._news.clear()
            await self._news.wait()

    async def until_state(self, state: State) -> None:
        await self.until(lambda: self.status.state is state)

    async def say(self, text: str = "y = ", cancel: CancelToken | None = None, **params: Any) -> tuple[str, Stats]:
        """One whole answer."""
        steps = self.generate(Prompt((Part(text),)), SamplingParams(**params), cancel or CancelToken(), True)
        *said, last = [step async for step in steps]
        assert last.is_last
        return "".join(step.text for step in said), last.stats

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)


@asynccontextmanager
async def engine(spec: LoadSpec | None = None, is_ready: bool = True) -> AsyncIterator[Engine]:
    """A started engine, with its model loaded if `is_ready`."""
    client = Engine()
    await client.start()
    try:
        if spec:
            client.load(spec)
        if spec and is_ready:
            await client.ready()
        yield client
    finally:
        await client.stop()


async def gone(pid: int) -> None:
    """Wait until a process is gone, zombies included."""
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0.01)


async def soon(happens: Awaitable[Any]) -> asyncio.Task[Any]:
    """Start something and let it run up to its first wait."""
    task = asyncio.ensure_future(happens)
    await asyncio.sleep(0)
    assert isinstance(task, asyncio.Task)
    return task
