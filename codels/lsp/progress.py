"""Shows in the editor that a model is loading, where the client can show it."""

from __future__ import annotations

import asyncio
import logging
import uuid

from lsprotocol import types as lsp

from codels.engine.client import State, Status
from codels.lsp.protocol import Server

log = logging.getLogger(__name__)


class LoadProgress:
    """One `$/progress` for each load. A client that never answers `create` gets none."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._token: str | None = None
        self._is_shown = False
        self._status = Status(State.LOADING)
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, status: Status) -> None:
        self._status = status
        if status.state is State.LOADING:
            self._begin() if self._token is None else self._report()
        elif self._token is not None:
            self._end()

    def _begin(self) -> None:
        window = self._server.client_capabilities.window
        if not (window and window.work_done_progress):
            return
        self._token = str(uuid.uuid4())
        task = asyncio.create_task(self._create(self._token))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _create(self, token: str) -> None:
        try:
            await self._server.work_done_progress.create_async(token)
        except Exception as error:
            log.warning("the editor refused a progress report (%s)", type(error).__name__)
            return
        if token == self._token:  # not yet loaded
            self._is_shown = True
            begin = lsp.WorkDoneProgressBegin(title="codels", message=self._status.message, percentage=0)
            self._server.work_done_progress.begin(token, begin)

    def _report(self) -> None:
        if self._is_shown and self._token:
            percent = round(self._status.fraction * 100)
            report = lsp.WorkDoneProgressReport(message=self._status.message, percentage=percent)
            self._server.work_done_progress.report(self._token, report)

    def _end(self) -> None:
        if self._is_shown and self._token:
            self._server.work_done_progress.end(self._token, lsp.WorkDoneProgressEnd(message=self._status.message))
        self._token, self._is_shown = None, False
