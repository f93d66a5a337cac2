"""A small LSP client that starts the real server: for measuring and for tests. Raw JSON, no types.

pygls has a client, but one that spends its own milliseconds on converting; here they would count as the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


class ServerError(Exception):
    """The server answered a request with an error."""


class LspClient:
    """Talks to a `codels serve` of its own. `on_request` answers what the server asks; None never answers."""

    def __init__(self, on_request: Callable[[str, Any], Any] | None = None) -> None:
        self._on_request = on_request or (lambda _method, _params: None)
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.notifications: list[tuple[str, Any]] = []
        self.capabilities: Json = {}
        self._heard = asyncio.Event()

    async def start(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "codels", "serve", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=env,
            limit=1 << 26,
        )
        self._reading = asyncio.create_task(self._read())

    async def initialize(self, options: Any = None, capabilities: Json | None = None, **more: Any) -> Json:
        """The handshake. By default the client knows inline completion and shows progress."""
        default = {"textDocument": {"inlineCompletion": {}}, "window": {"workDoneProgress": True}}
        params = {
            "processId": None,
            "rootUri": None,
            "capabilities": default if capabilities is None else capabilities,
            "initializationOptions": options,
            **more,
        }
        answer: Json = await self.request("initialize", params)
        self.capabilities = answer["capabilities"]
        self.notify("initialized", {})
        return answer

    async def request(self, method: str, params: Any) -> Any:
        """The result. Raises `ServerError`."""
        return await self.send(method, params)[1]

    def send(self, method: str, params: Any) -> tuple[int, asyncio.Future[Any]]:
        """A request that can be cancelled by its id."""
        id_ = next(self._ids)
        self._waiting[id_] = asyncio.get_running_loop().create_future()
        self._write({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})
        return id_, self._waiting[id_]

    def notify(self, method: str, params: Any) -> None:
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def open(self, uri: str, text: str, language: str = "python", version: int = 1) -> None:
        document = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def change(self, uri: str, version: int, *changes: Json) -> None:
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": list(changes)})

    async def complete(self, uri: str, line: int, character: int, is_explicit: bool = False) -> list[Json]:
        """The items of an inline completion."""
        answer = await self.request("textDocument/inlineCompletion", inline_params(uri, line, character, is_explicit))
        items: list[Json] = answer["items"]
        return items

    async def status(self, *states: str) -> Json:
        """The server's status, once it is one of `states` (any, if none are named)."""
        while True:
            status: Json = await self.request("codels/status", {})
            if not states or status["state"] in states:
                return status
            await asyncio.sleep(0.01)

    async def heard(self, method: str, n: int = 1) -> list[Any]:
        """The parameters of all notifications `method`, once there are `n`."""
        while len(found := [params for name, params in self.notifications if name == method]) < n:
            self._heard.clear()
            await self._heard.wait()
        return found

    async def stop(self) -> int:
        """Shut down and exit in good manners; the exit code."""
        with contextlib.suppress(ConnectionError):
            await self.request("shutdown", None)
            self.notify("exit", None)
        return await self.process.wait()

    def _write(self, message: Json) -> None:
        body = json.dumps(message).encode("ascii")
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    async def _read(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                header = await self.process.stdout.readuntil(b"\r\n\r\n")
                length = next(int(line[15:]) for line in header.split(b"\r\n") if line.startswith(b"Content-Length:"))
                self._take(json.loads(await self.process.stdout.readexactly(length)))
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the server is gone"))

    def _take(self, message: Json) -> None:
        if "method" not in message:
            future = self._waiting.pop(message["id"])
            if "error" in message:
                future.set_exception(ServerError(message["error"]["message"]))
            else:
                future.set_result(message["result"])
            return
        if "id" not in message:
            self.notifications.append((message["method"], message["params"]))
            self._heard.set()
            return
        result = self._on_request(message["method"], message["params"])
        if result is not NEVER:
            self._write({"jsonrpc": "2.0", "id": message["id"], "result": result})


NEVER = object()
"""An `on_request` that returns this leaves the server without an answer."""


def inline_params(uri: str, line: int, character: int, is_explicit: bool = False) -> Json:
    position = {"line": line, "character": character}
    kind = 1 if is_explicit else 2
    return {"textDocument": {"uri": uri}, "position": position, "context": {"triggerKind": kind}}
