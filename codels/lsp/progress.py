"""Shows in the editor how far something is, where the client can show it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable

from lsprotocol import types as lsp

from codels.engine.client import State, Status
from codels.lsp.protocol import Server

log = logging.getLogger(__name__)


class Bar:
    """One `$/progress`. A client that cannot show it, or never answers `create`, gets none.

    `on_cancel` makes it one that the user can stop.
    """

    def __init__(self, server: Server, message: str, on_cancel: Callable[[], None] | None = None) -> None:
        self._server = server
        self._message = message
        self._percent = 0
        self._on_cancel = on_cancel
        self._token = str(uuid.uuid4())
        self._is_shown = self._is_over = False
        window = server.client_capabilities.window
        is_able = bool(window and window.work_done_progress)
        self._creating = asyncio.create_task(self._create()) if is_able else None

    def report(self, message: str, fraction: float) -> None:
        self._message, self._percent = message, round(fraction * 100)
        if self._is_shown and not self._is_over:
            report = lsp.WorkDoneProgressReport(message=message, percentage=self._percent)
            self._server.work_done_progress.report(self._token, report)

    def end(self, message: str) -> None:
        if self._is_shown and not self._is_over:
            self._server.work_done_progress.end(self._token, lsp.WorkDoneProgressEnd(message=message))
            self._server.work_done_progress.tokens.pop(self._token, None)
        self._is_over = True

    async def _create(self) -> None:
        try:
            await self._server.work_done_progress.create_async(self._token)
        except Exception as error:
            log.warning("the editor refused a progress report (%s)", type(error).__name__)
            return
        if self._is_over:
            return
        self._is_shown = True
        begin = lsp.WorkDoneProgressBegin(title="codels", message=self._message, percentage=self._percent)
        begin.cancellable = bool(self._on_cancel)
        self._server.work_done_progress.begin(self._token, begin)
        self._server.work_done_progress.tokens[self._token].add_done_callback(self._cancelled)

    def _cancelled(self, _future: object) -> None:
        if self._on_cancel and not self._is_over:
            self._on_cancel()


class LoadProgress:
    """A bar for each load."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._bar: Bar | None = None

    def follow(self, status: Status) -> None:
        if status.state is State.LOADING and self._bar is None:
            self._bar = Bar(self._server, status.message)
        elif status.state is State.LOADING and self._bar:
            self._bar.report(status.message, status.fraction)
        elif self._bar:
            self._bar.end(status.message)
            self._bar = None
