"""The engine as the editor's process sees it: start it, talk to it, survive its death.

All methods belong to one event loop. `status` can be read at any time; `on_status` hears each change.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from codels.backends import LoadSpec, ModelInfo, Score, Vectors
from codels.cancel import CancelToken
from codels.engine import process, wire
from codels.engine.gpudeaths import GpuDeaths
from codels.engine.status import State, Status, with_remedy
from codels.errors import EngineDown
from codels.generation import Prompt, SamplingParams, Step
from codels.machine import Devices

__all__ = ["EngineClient", "State", "Status"]

FIRST_DELAY_S = 0.25
MAX_DELAY_S = 30.0
"""Between restarts: doubled each time, and back to the first when the engine lived for longer than the longest."""

HANG_S = 20.0
"""How long an answer may be overdue: others may be before it, and machines may be busy."""

SCORE_MS = 600_000
"""For one score, or some vectors: large models on slow machines take their time, and one that hangs must end."""

_LAST = ("done", "scored", "embedded", "devices", "failed")
"""Messages that no other follows."""


class EngineClient:
    """One engine process. `load` may be called again with another model."""

    def __init__(self, on_status: Callable[[Status], None] = lambda _status: None) -> None:
        self.status = self._idle = Status(State.LOADING, "the engine is starting")
        self._on_status = on_status
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[wire.Message | None]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._spec: LoadSpec | None = None
        self._load_id = 0
        self._gpu_deaths = GpuDeaths()
        self._changed, self._is_new = asyncio.Event(), asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def _name(self) -> str:
        return Path(self._spec.path).name if self._spec else "the model"

    async def start(self, started: asyncio.subprocess.Process | None = None) -> None:
        """Start the process, or take over one that `process.spawn` has started."""
        self._process = started or await process.spawn()
        self._life = asyncio.create_task(self._live())

    def load(self, spec: LoadSpec) -> None:
        """Load a model in place of the former one, which has nothing more to load or say. `status` follows."""
        self._spec = spec
        self._is_new.set()
        for id_ in (self._load_id, *self._waiting):
            self._send({"op": "cancel", "id": id_})
        self._set(Status(State.LOADING, f"loading {self._name}"))
        self._load_id = next(self._ids)
        self._send(wire.load(self._load_id, self._gpu_deaths.begin(spec)))

    def fail(self, reason: str) -> None:
        """There is no model to load, for `reason`. The process goes on, for the next `load`."""
        self._spec, self._load_id = None, next(self._ids)
        self._idle = Status(State.FAILED, reason)
        self._set(self._idle)

    async def ready(self) -> ModelInfo:
        """Wait until the model is loaded. Raises `EngineDown` with the reason where it cannot be."""
        while self.status.info is None:
            if self.status.state is State.FAILED:
                raise EngineDown(self.status.message)
            if self.status.state is State.DOWN:
                raise EngineDown(with_remedy(self.status.message))
            self._changed.clear()
            await self._changed.wait()
        return self.status.info

    async def generate(
        self, prompt: Prompt, params: SamplingParams, cancel: CancelToken, is_explicit: bool
    ) -> AsyncGenerator[Step]:
        """The steps of one answer. Raises what the backend raised, or `EngineDown`. Leaving early cancels."""
        question = wire.generate(next(self._ids), prompt, params, is_explicit)
        async with contextlib.aclosing(self._ask(question, cancel, params.max_ms)) as messages:
            async for message in messages:
                yield wire.to_step(message)

    async def score(self, prompt: Prompt, text: str, cancel: CancelToken) -> Score:
        """How likely `text` is behind `prompt`; waits for its turn. Raises what the backend raised, or `EngineDown`."""
        question = wire.score(next(self._ids), prompt, text)
        async with contextlib.aclosing(self._ask(question, cancel, SCORE_MS)) as messages:
            return wire.to_score(await anext(messages))

    async def embed(self, texts: tuple[str, ...], cancel: CancelToken) -> Vectors:
        """A vector of norm 1 for each text; waits for its turn, and keys wait for it: rather ask often for few.

        Raises what the backend raised (`PromptTooLong`, `Cancelled` …), or `EngineDown`.
        """
        question = wire.embed(next(self._ids), texts)
        async with contextlib.aclosing(self._ask(question, cancel, SCORE_MS)) as messages:
            return wire.to_vectors(await anext(messages))

    async def devices(self) -> Devices:
        """What the installed library can use; no model need be loaded. Raises `BackendMissing` or `EngineDown`."""
        question = {"op": "devices", "id": next(self._ids)}
        async with contextlib.aclosing(self._ask(question, CancelToken(), SCORE_MS)) as messages:
            return wire.to_devices(await anext(messages))

    async def _ask(self, question: wire.Message, cancel: CancelToken, max_ms: int) -> AsyncGenerator[wire.Message]:
        """The messages that answer a question, up to its last one."""
        if self.status.state is not State.READY and (question["op"] != "devices" or process.is_dead(self._process)):
            raise EngineDown(self.status.message)
        id_, messages = question["id"], asyncio.Queue[wire.Message | None]()
        self._waiting[id_] = messages
        loop, stop, is_done = asyncio.get_running_loop(), {"op": "cancel", "id": id_}, False
        cancel.on_cancel(lambda: loop.call_soon_threadsafe(self._send, stop))
        try:
            self._send(question)
            while not is_done:
                message = await self._next(messages, max_ms)
                is_done = message is None or message["op"] in _LAST
                if message is None or message["op"] == "failed":
                    raise wire.to_error(message) if message else EngineDown(self.status.message)
                yield message
        finally:
            del self._waiting[id_]
            if not is_done:
                loop.call_later(0, self._send, stop)  # after what is ready to run: the answer goes out first

    async def _next(self, messages: asyncio.Queue[wire.Message | None], max_ms: int) -> wire.Message | None:
        """The next message. An engine that says nothing for far longer than it may is killed, and so started again."""
        try:
            async with asyncio.timeout(max_ms / 1000 + HANG_S if max_ms else None):
                return await messages.get()
        except TimeoutError:
            if self._process and self._process.returncode is None:
                self._process.kill()
            raise EngineDown("the engine did not answer any more") from None

    async def stop(self) -> None:
        """End the process. Whoever still waits for an answer hears that."""
        if self._life:
            self._life.cancel()
        self.status = Status(State.DOWN, "the engine was stopped")
        self._drop_waiting()
        if self._process:
            await process.end(self._process)

    async def _live(self) -> None:
        """Read until the process dies; start it again, later each time; load the same model."""
        delay_s = FIRST_DELAY_S
        while True:
            assert self._process is not None
            born = time.monotonic()
            cause = await process.read(self._process, self._take)
            delay_s = FIRST_DELAY_S if time.monotonic() - born > MAX_DELAY_S else delay_s
            self._bury(self._gpu_deaths.after(cause, self._spec, self.status))
            delay_s = await self._restart(delay_s)
            if self._spec:
                self.load(self._spec)
            else:
                self._set(self._idle)

    async def _restart(self, delay_s: float) -> float:
        """A new process after `delay_s` or for another model, or later where none starts. Returns the next delay."""
        while True:
            is_new = await process.pause(delay_s, self._is_new)
            delay_s = FIRST_DELAY_S if is_new else min(delay_s * 2, MAX_DELAY_S)
            try:
                self._process = await process.spawn()
                return delay_s
            except OSError as error:
                self._bury(Status(State.DOWN, f"the engine cannot be started ({error.strerror})"))

    def _take(self, message: wire.Message) -> None:
        if message["id"] in self._waiting:
            self._gpu_deaths.has_worked |= bool(self.status.info) and message["op"] not in ("devices", "failed")
            self._waiting[message["id"]].put_nowait(message)
        elif message["id"] != self._load_id:
            return  # an answer that nobody waits for any more
        elif message["op"] == "progress":
            self._set(Status(State.LOADING, self.status.message, message["fraction"], gpu=message["gpu"]))
        elif message["op"] == "loaded":
            self._set(Status(State.READY, "ready", 1.0, wire.model_info(message), self.status.gpu))
        elif message["op"] == "failed":
            self._set(Status(State.FAILED, str(wire.to_error(message))))

    def _bury(self, status: Status) -> None:
        self._set(status)
        self._drop_waiting()

    def _drop_waiting(self) -> None:
        for messages in self._waiting.values():
            messages.put_nowait(None)

    def _send(self, message: wire.Message) -> None:
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            with contextlib.suppress(ConnectionError):  # it has died; _live tells
                self._process.stdin.write(wire.encode(message))

    def _set(self, status: Status) -> None:
        self.status = status
        self._changed.set()
        self._on_status(status)
