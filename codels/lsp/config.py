"""Settings from the editor: initialization options, `didChangeConfiguration`, `workspace/configuration`.

Whatever a client sends, or never answers, the server runs: on what it was last told, or on the defaults.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from lsprotocol import types as lsp

from codels import settings
from codels.lsp.protocol import Server
from codels.settings import Settings

log = logging.getLogger(__name__)

SECTION = "codels"
ANSWER_S = 5.0
"""How long a client may take to answer `workspace/configuration`."""


class Configuration:
    """Parses what the editor says and passes on valid settings; each problem is told once."""

    def __init__(self, on_settings: Callable[[Settings], None], tell: Callable[[str], None]) -> None:
        self._on_settings = on_settings
        self._tell = tell
        self._told: set[str] = set()

    def begin(self, options: object) -> None:
        """Initialization options: the section, with or without its name around it. Without any, the defaults."""
        section = options.get(SECTION) if isinstance(options, dict) and SECTION in options else options
        self.take({} if section is None else section)

    def take_pushed(self, data: object) -> None:
        """All that a client pushes; without our section in it, it is not for us."""
        if isinstance(data, dict):
            self.take(data.get(SECTION))

    def take(self, data: object) -> None:
        """The section as JSON; null says nothing."""
        if data is None:
            return
        parsed, problems = settings.parse(data)
        for problem in problems:
            if problem not in self._told:
                self._told.add(problem)
                self._tell(problem)
        self._on_settings(parsed)

    async def ask(self, server: Server) -> None:
        """Ask a client that can be asked."""
        workspace = server.client_capabilities.workspace
        if not (workspace and workspace.configuration):
            return
        items = [lsp.ConfigurationItem(section=SECTION)]
        request = server.workspace_configuration_async(lsp.ConfigurationParams(items=items))
        try:
            answers: Any = await asyncio.wait_for(request, ANSWER_S)
        except Exception as error:
            log.warning("the editor did not answer workspace/configuration (%s)", type(error).__name__)
            return
        if isinstance(answers, list | tuple) and answers:
            self.take(answers[0])
