"""A real server over stdio with a scripted model, and what the tests ask of it again and again."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from codels.lspclient import Json, LspClient, inline_params

PATIENCE_S = 60.0
"""How long a test waits for what must come; only a broken server needs it."""

MINUTE = 60_000
"""Milliseconds that a scripted model takes where the test must not see it end by itself."""

URI = "file:///project/app.py"
INLINE = {"textDocument": {"inlineCompletion": {}}}


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run an asynchronous test; one that hangs fails."""

    async def within_patience() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test

    asyncio.run(within_patience())


class Client(LspClient):
    """A client that keeps what the server writes to standard error, and knows its engine."""

    def __init__(self, folder: Path, on_request: Callable[[str, Any], Any] | None = None) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.request_ids: list[Any] = []
        self._answer = on_request or (lambda _method, _params: None)
        super().__init__(self._note)
        self._stderr = folder / "stderr"

    def _note(self, method: str, params: Any) -> Any:
        self.requests.append((method, params))
        return self._answer(method, params)

    def _take(self, message: Json) -> None:
        if "method" in message and "id" in message:
            self.request_ids.append(message["id"])
        super()._take(message)

    def _write(self, message: Json) -> None:
        """A result that is an exception goes out as an error."""
        if isinstance(message.get("result"), Exception):
            error = {"code": -32601, "message": str(message.pop("result"))}
            message = {**message, "error": error}
        super()._write(message)

    async def start(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        with self._stderr.open("ab") as stderr:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "codels", "serve", *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, **(env or {})},
                limit=1 << 26,
            )
        self._reading = asyncio.create_task(self._read())

    @property
    def stderr(self) -> str:
        return self._stderr.read_text("utf-8", "replace")

    @property
    def engine_pid(self) -> int:
        (pid,) = children(self.process.pid)
        return pid

    @property
    def told(self) -> list[str]:
        """What the user was shown."""
        return [params["message"] for method, params in self.notifications if method == "window/showMessage"]

    def ask(self, line: int, character: int, uri: str = URI, is_explicit: bool = False) -> tuple[int, Any]:
        """An inline completion that is not waited for: its id and its future."""
        return self.send("textDocument/inlineCompletion", inline_params(uri, line, character, is_explicit))

    async def until(self, condition: Callable[[Json], Any]) -> Json:
        """The server's status, once it is as `condition` says."""
        while not condition(status := await self.status()):
            await asyncio.sleep(0.01)
        return status

    async def settle(self) -> None:
        """All that was sent before is done when this request is answered."""
        await self.status()

    async def reason(self) -> str:
        status = await self.status()
        return str(status["lastReason"])


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def write_script(path: Path, **fields: Any) -> str:
    """A scripted model; the fields of `codels.backends.fake`."""
    path.write_text(json.dumps({"answers": {"": "x + 1\n"}, **fields}), "utf-8")
    return str(path)


@asynccontextmanager
async def server(
    folder: Path,
    model: str = "",
    *,
    is_ready: bool = True,
    capabilities: Json | None = None,
    options: Any = None,
    on_request: Callable[[str, Any], Any] | None = None,
    arguments: Iterable[str] = (),
    env: dict[str, str] | None = None,
    **initialize: Any,
) -> AsyncIterator[Client]:
    """A server after the handshake, its model loaded if `is_ready`; ended in good manners after the test.

    Whatever a test does, the server must not end with a traceback, and both processes must be gone.
    """
    client = Client(folder, on_request)
    await client.start(*arguments, env=env)
    if options is None:
        options = {"model": model or write_script(folder / "model.json")}
    engines: list[int] = []
    try:
        await client.initialize(options, capabilities or INLINE, **initialize)
        if is_ready:
            await client.status("ready")
        engines = children(client.process.pid)
        yield client
        if client.process.returncode is None:
            engines = children(client.process.pid)
            assert await client.stop() == 0
        assert "Traceback" not in client.stderr
        for pid in (client.process.pid, *engines):
            await gone(pid)
    finally:
        if client.process.returncode is None:
            client.process.kill()
            await client.process.wait()


async def gone(pid: int) -> None:
    """Wait until a process has ended. One that nobody has waited for yet (a zombie) has ended too."""
    while _is_running(pid):
        await asyncio.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
