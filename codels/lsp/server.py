"""The language server: handlers that convert, call one function and convert back."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from dataclasses import asdict
from typing import Any

from lsprotocol import types as lsp

from codels.core import Answer
from codels.dispatch.chooser import watch
from codels.dispatch.ways import Choice
from codels.engine.client import State, Status
from codels.lsp import convert
from codels.lsp.config import Configuration
from codels.lsp.downloads import Downloads
from codels.lsp.progress import LoadProgress
from codels.lsp.protocol import Server, silence_pygls
from codels.lsp.session import Session
from codels.lsp.stdio import serve_stdio, serve_tcp
from codels.runtime import Runtime

log = logging.getLogger(__name__)

PARENT_CHECK_S = 0.5
STATUS_REQUEST = "codels/status"
_TRIGGERS = [".", "(", "[", "=", ",", ":", " "]


class CodelsServer(Server):
    """The parts of one session, put together."""

    def __init__(self) -> None:
        super().__init__()
        self.runtime = Runtime(self._take_status, self.tell, lambda card: self.downloads.want(card))
        self.downloads = Downloads(self, self.tell, self.runtime.refresh)
        self.downloads.is_offline = lambda: self.runtime.settings.offline
        self.session = Session(self.runtime, self.documents)
        self.configuration = Configuration(self.runtime.configure, self.tell)
        self.on_close = self.session.close
        self.parent_watch: asyncio.Task[None] | None = None
        self.models_watch: asyncio.Task[None] | None = None
        self.client = ""
        self._progress = LoadProgress(self)
        self._is_initialized = False
        self._is_down_told = False
        self._notices: list[str] = []

    def tell(self, sentence: str) -> None:
        """Show a sentence to the user; before the handshake is over it has to wait."""
        if not self._is_initialized:
            self._notices.append(sentence)
            return
        log.warning("%s", sentence)
        self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, f"codels: {sentence}"))

    def begin(self) -> None:
        """The handshake is over."""
        self._is_initialized = True
        gc.freeze()  # what is imported stays for good; walking it again and again costs a keystroke some 10 ms
        notices, self._notices = self._notices, []
        for notice in notices:
            self.tell(notice)
        self.downloads.begin()
        self._take_status(self.runtime.status)
        self.models_watch = asyncio.create_task(watch(self.runtime.refresh))

    def _take_status(self, status: Status) -> None:
        if status.info:
            log.info("the model runs as planned: %s", "; ".join(status.info.plan))
        if not self._is_initialized:
            return
        self._progress.follow(status)
        if status.state is State.DOWN and not self._is_down_told:
            self.tell(f"{status.message}; it is being restarted")
        if status.state in (State.DOWN, State.READY):
            self._is_down_told = status.state is State.DOWN


def create_server() -> CodelsServer:
    """A server with all its handlers."""
    server = CodelsServer()

    @server.feature(lsp.INITIALIZE)
    def initialize(ls: CodelsServer, params: lsp.InitializeParams) -> None:
        encoding = ls.workspace.position_encoding
        ls.documents.encoding = str(getattr(encoding, "value", encoding))
        ls.client = params.client_info.name if params.client_info else ""
        text = params.capabilities.text_document
        if not (text and text.inline_completion) and lsp.TEXT_DOCUMENT_COMPLETION not in ls.protocol.fm.features:
            ls.feature(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=_TRIGGERS))(completion)
        ls.configuration.begin(params.initialization_options)
        if params.process_id:
            _watch(ls, params.process_id)

    @server.feature(lsp.INITIALIZED)
    async def initialized(ls: CodelsServer, _params: lsp.InitializedParams) -> None:
        ls.begin()
        await ls.configuration.ask(ls)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def configuration(ls: CodelsServer, params: lsp.DidChangeConfigurationParams) -> None:
        ls.configuration.take_pushed(params.settings)
        await ls.configuration.ask(ls)

    @server.feature(lsp.TEXT_DOCUMENT_INLINE_COMPLETION, lsp.InlineCompletionOptions())
    async def inline_completion(ls: CodelsServer, params: lsp.InlineCompletionParams) -> lsp.InlineCompletionList:
        is_explicit = params.context.trigger_kind == lsp.InlineCompletionTriggerKind.Invoked
        found = await ls.session.complete(params.text_document.uri, params.position, is_explicit)
        if found is None:
            return lsp.InlineCompletionList(items=[])
        site, answer = found
        return convert.inline_list(site, convert.for_client(answer.completions, ls.client), ls.documents.encoding)

    async def completion(ls: CodelsServer, params: lsp.CompletionParams) -> lsp.CompletionList:
        found = await ls.session.complete(params.text_document.uri, params.position, is_explicit=False)
        if found is None:
            return lsp.CompletionList(is_incomplete=True, items=[])
        site, answer = found
        return convert.completion_list(site, convert.for_client(answer.completions, ls.client), ls.documents.encoding)

    @server.feature(STATUS_REQUEST)
    def status(ls: CodelsServer, _params: Any) -> dict[str, Any]:
        return status_json(ls.runtime, ls.session.last)

    return server


def status_json(runtime: Runtime, last: Answer) -> dict[str, Any]:
    """What an editor's status line, and a person who wonders about silence, can ask for (`codels/status`)."""
    status = runtime.status
    return {
        "state": status.state,
        "message": status.message,
        "model": runtime.card.id if runtime.card else "",
        "roles": {role: _choice_json(choice) for role, choice in runtime.choices.items()},
        "languages": sorted(runtime.card.languages) if runtime.card else [],
        "device": status.info.device if status.info else "",
        "plan": list(status.info.plan) if status.info else [],
        "lastReason": last.reason,
        "lastOrigin": last.origin,
        "lastStages": last.stages,
        "lastStats": asdict(last.stats) if last.stats else None,
    }


def _choice_json(choice: Choice) -> dict[str, Any]:
    return {"model": choice.card.id if choice.card else "", "reason": choice.reason, "rejected": choice.rejected}


async def serve(engine: asyncio.subprocess.Process, tcp: str = "") -> int:
    """Run until the client is gone, with an engine process already started. Returns the exit code that LSP asks for."""
    level = getattr(logging, os.environ.get("CODELS_LOG", "WARNING").upper(), logging.WARNING)
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    silence_pygls(level)
    server = create_server()
    await server.runtime.start(engine)
    try:
        await (serve_tcp(server, tcp) if tcp else serve_stdio(server))
    finally:
        await server.runtime.stop()
    return 0 if server.protocol.has_shut_down else 1


def _watch(server: CodelsServer, parent: int) -> None:
    """End with the process that started us, even where somebody else still holds the pipe open."""
    if sys.platform == "win32":
        return  # there the pipe closes with it

    async def check() -> None:
        while True:
            await asyncio.sleep(PARENT_CHECK_S)
            try:
                os.kill(parent, 0)
            except ProcessLookupError:
                server.finished.set()
                return
            except PermissionError:
                pass  # alive, and not ours

    server.parent_watch = asyncio.create_task(check())
