"""One server for all tests of a module, driven from plain functions."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from lsp_session import MINUTE, PATIENCE_S, Client, server, write_script

from codels.lspclient import Json, inline_params

SCRIPT = {
    "answers": {
        "": "x + 1\n",
        "def block():\n": "    if ready:\n        return 1\n    return 2\n",
        "def tabs():\n": "    if ready:\n        return 1\n    return 2\n",
        "pick = ": ["first()\n", "second()\n", "third()\n"],
    }
}

_STATES = {True: ("ready",), False: ("loading", "ready")}


class Shared:
    """A server that lives as long as its module, driven from plain functions."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: Client, folder: Path) -> None:
        self._loop = loop
        self._folder = folder
        self._versions = itertools.count(1)
        self.client = client

    def run(self, coroutine: Any) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(coroutine, PATIENCE_S))

    def complete(
        self, text: str, line: int, character: int, *, language: str = "python", is_explicit: bool = False
    ) -> list[Json]:
        """The items at a place of a document that is opened for this and closed again."""
        uri = f"file:///project/doc{next(self._versions)}.py"
        params = inline_params(uri, line, character, is_explicit)
        self.client.open(uri, text, language)
        answer = self.run(self.client.request("textDocument/inlineCompletion", params))
        self.client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        assert list(answer) == ["items"]
        for item in answer["items"]:
            assert item["range"]["start"] == item["range"]["end"]
        items: list[Json] = answer["items"]
        return items

    def use(self, settings: Json | None = None, is_ready: bool = True, **script: Any) -> None:
        """Go on with another scripted model, and these settings."""
        name = f"script{next(self._versions)}.json"
        model = write_script(self._folder / name, **script)
        self.configure({"codels": {"model": model, "max_ms": MINUTE, "candidates": 1, **(settings or {})}})
        self.run(self.client.until(lambda status: status["model"] == name and status["state"] in _STATES[is_ready]))

    def configure(self, settings: object) -> None:
        self.client.notify("workspace/didChangeConfiguration", {"settings": settings})
        self.run(self.client.settle())

    def reason(self) -> str:
        found: str = self.run(self.client.reason())
        return found


def serving(folder: Path, model: str) -> Iterator[Shared]:
    loop, stack = asyncio.new_event_loop(), AsyncExitStack()
    try:
        client = loop.run_until_complete(stack.enter_async_context(server(folder, model)))
        yield Shared(loop, client, folder)
        assert client.told == [], "something in this module made the server complain"
        loop.run_until_complete(stack.aclose())
    finally:
        loop.close()
