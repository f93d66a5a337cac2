"""The channels to the editor: standard input and output, or one loopback connection. Nothing here blocks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from pygls.io_ import StdinAsyncReader, StdoutWriter, run_async

from codels.errors import UserError
from codels.lsp.protocol import Server

_MAX_LINE_BYTES = 1 << 26
_MAX_PORT = 65535
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


async def serve_stdio(server: Server) -> None:
    """Talk over standard input and output until one of them ends or the client says exit."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints from now on cannot break the channel
    reader = await _pipe_reader() if _is_pipe(0) else StdinAsyncReader(sys.stdin.buffer, server.thread_pool)
    is_pipe = _is_pipe(output.fileno())
    writer = await _pipe_writer(output, server.finished.set) if is_pipe else StdoutWriter(output)
    await _serve(server, reader, writer)


async def serve_tcp(server: Server, address: str) -> None:
    """Talk to the first client that connects to `address` (HOST:PORT), for debugging."""
    host, port = parse_address(address)
    connected: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if connected.done():
            writer.close()  # one client at a time
        else:
            connected.set_result((reader, writer))

    try:
        listening = await asyncio.start_server(on_client, host, port, limit=_MAX_LINE_BYTES)
    except OSError as error:
        raise UserError(f"cannot listen on {address}: {error.strerror}") from error
    async with listening as listener:
        bound = listener.sockets[0].getsockname()
        print(f"codels listens on {bound[0]}:{bound[1]}", file=sys.stderr, flush=True)
        await _serve(server, *await connected)


def parse_address(address: str) -> tuple[str, int]:
    """HOST:PORT as its two parts. Raises `UserError` where it is none, or not this machine's."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if host not in _LOOPBACK or not port.isdecimal() or len(port) > len(str(_MAX_PORT)) or int(port) > _MAX_PORT:
        raise UserError(f"--tcp needs HOST:PORT on this machine, such as 127.0.0.1:2087, not {address!r}")
    return host, int(port)


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


def _is_pipe(fd: int) -> bool:
    """Whether the event loop can wait for it: not files, not /dev/null, and nothing that Windows calls a pipe."""
    mode = os.fstat(fd).st_mode
    return sys.platform != "win32" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd))


async def _pipe_reader() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _pipe_writer(output: BinaryIO, on_lost: Callable[[], None]) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(lambda: _Output(on_lost), output)
    return asyncio.StreamWriter(transport, protocol, None, loop)


class _Output(asyncio.streams.FlowControlMixin):
    """Hears when the editor stops reading."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        super().__init__()
        self._on_lost = on_lost

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._on_lost()
