"""The channels to the editor: standard input and output, or one loopback connection. Nothing here blocks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from pygls.io_ import StdinAsyncReader, StdoutWriter, run_async

from codels.errors import UserError
from codels.lsp.protocol import Server

_MAX_LINE_BYTES = 1 << 26
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


async def serve_stdio(server: Server) -> None:
    """Talk over standard input and output until one of them ends or the client says exit."""
    output = os.dup(1)
    os.dup2(2, 1)  # whatever prints from now on cannot break the channel
    reader: Any
    writer: Any
    try:
        reader, writer = await _pipes(output, server.finished.set)
    except (ValueError, OSError, NotImplementedError):  # files, and Windows' pipes
        reader = StdinAsyncReader(sys.stdin.buffer, server.thread_pool)
        writer = StdoutWriter(os.fdopen(output, "wb"))
    await _serve(server, reader, writer)


async def serve_tcp(server: Server, address: str) -> None:
    """Talk to the first client that connects to `address` (HOST:PORT), for debugging."""
    host, _, port = address.rpartition(":")
    if host.strip("[]") not in _LOOPBACK or not port.isdigit():
        raise UserError(f"--tcp needs HOST:PORT on this machine, such as 127.0.0.1:2087, not {address!r}")
    connected: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if connected.done():
            writer.close()  # one client at a time
        else:
            connected.set_result((reader, writer))

    async with await asyncio.start_server(on_client, host.strip("[]"), int(port), limit=_MAX_LINE_BYTES) as listener:
        bound = listener.sockets[0].getsockname()
        print(f"codels listens on {bound[0]}:{bound[1]}", file=sys.stderr, flush=True)
        await _serve(server, *await connected)


async def _serve(server: Server, reader: Any, writer: Any) -> None:
    server.protocol.set_writer(writer)
    loop_over = run_async(threading.Event(), reader, server.protocol, None, server.report_server_error)
    messages = asyncio.create_task(loop_over)
    finished = asyncio.create_task(server.finished.wait())
    await asyncio.wait((messages, finished), return_when=asyncio.FIRST_COMPLETED)
    for task in (messages, finished):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError, asyncio.IncompleteReadError):
        await messages


async def _pipes(output: int, on_lost: Callable[[], None]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(lambda: _Output(on_lost), os.fdopen(output, "wb"))
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)


class _Output(asyncio.streams.FlowControlMixin):
    """Hears when the editor stops reading."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        super().__init__()
        self._on_lost = on_lost

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._on_lost()
