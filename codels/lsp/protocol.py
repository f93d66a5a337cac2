"""What of pygls is done differently here: our own documents, a clean end, and no source code in logs.

pygls keeps documents of its own, split at every sign that `str.splitlines` knows and rebuilt as a whole with each
edit. The handlers below feed ours instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter
from pygls.protocol.language_server import lsp_method

from codels import __version__
from codels.lsp.documents import Documents

log = logging.getLogger(__name__)


class Protocol(LanguageServerProtocol):
    """Feeds the server's documents and ends the process the server's way."""

    _server: Server

    def structure_message(self, data: dict[str, Any]) -> Any:
        """pygls drops a request whose parameters it cannot read; an editor may wait for the answer without end."""
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "method" in data and isinstance(data.get("id"), int | str):
                self._send_response(data["id"], error=error.to_response_error())
            elif data.get("method") == lsp.TEXT_DOCUMENT_DID_CHANGE:
                self._server.lose(data["params"])
            raise

    def handle_message(self, message: Any) -> None:
        """pygls leaves requests that come after the shutdown without an answer."""
        if self._shutdown and hasattr(message, "id") and hasattr(message, "method"):
            error = lsp.ResponseError(lsp.ErrorCodes.InvalidRequest.value, "the server is shutting down")
            self._send_response(message.id, error=error)
            return
        super().handle_message(message)

    @lsp_method(lsp.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: lsp.DidOpenTextDocumentParams) -> None:
        self._server.documents.open(params.text_document)

    @lsp_method(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: lsp.DidChangeTextDocumentParams) -> None:
        self._server.documents.change(params)

    @lsp_method(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: lsp.DidCloseTextDocumentParams) -> None:
        self._server.documents.close(params.text_document.uri)
        self._server.on_close(params.text_document.uri)

    @lsp_method(lsp.EXIT)
    def lsp_exit(self, *_args: object) -> None:  # type: ignore[override]
        self._server.finished.set()

    @property
    def has_shut_down(self) -> bool:
        return self._shutdown


class Server(LanguageServer):
    """A pygls server with our documents. `finished` is set when the process should end."""

    protocol: Protocol

    def __init__(self) -> None:
        self.documents = Documents()
        self.finished = asyncio.Event()
        self.on_close: Callable[[str], None] = lambda _uri: None
        super().__init__(
            "codels", __version__, protocol_cls=Protocol, converter_factory=default_converter, max_workers=1
        )

    def lose(self, params: Any) -> None:
        """An edit that cannot be read: rather no document than one that differs from the editor's."""
        with contextlib.suppress(LookupError, TypeError):
            self.documents.close(params["textDocument"]["uri"])
            sentence = "codels: the editor sent an edit that cannot be read; open the document again to complete in it"
            self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, sentence))

    def report_server_error(self, error: Exception, source: Any) -> None:
        """To the log, by type: messages of parsers quote what they could not parse."""
        log.error("%s in %s", type(error).__name__, getattr(source, "__name__", source))


def silence_pygls(level: int) -> None:
    """pygls logs whole messages, source code included, at INFO and with errors: only DEBUG may show it."""
    logging.getLogger("pygls").setLevel(logging.DEBUG if level <= logging.DEBUG else logging.CRITICAL)
