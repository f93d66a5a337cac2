"""Files and devices in the place of pipes, and the loopback connection for debugging."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from lsp_session import INLINE, URI, Client, children, gone, run, write_script

from codels.errors import UserError
from codels.lsp.stdio import parse_address


def _devices(folder: Path) -> list[tuple[str, str]]:
    (folder / "empty").touch()
    (folder / "garbage").write_bytes(b"\xff\x00" * 5000 + b"\nContent-Length: 5\r\n\r\nhello")
    return [("/dev/null", "out"), (str(folder / "empty"), "out"), (str(folder / "garbage"), "/dev/null")]


@pytest.mark.parametrize("number", range(3))
def test_standard_input_that_is_no_pipe(tmp_path: Path, number: int) -> None:
    """`codels serve < file` ends by itself, as with a closed pipe."""
    stdin, stdout = _devices(tmp_path)[number]
    out = stdout if stdout.startswith("/") else str(tmp_path / stdout)

    async def test() -> None:
        with Path(stdin).open("rb") as source, Path(out).open("wb") as sink, (tmp_path / "err").open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "codels", "serve"), stdin=source, stdout=sink, stderr=errors
            )
            assert await process.wait() == 1
        assert "Traceback" not in (tmp_path / "err").read_text("utf-8", "replace")

    run(test())


def test_a_client_whose_reading_end_is_a_file_is_answered(tmp_path: Path) -> None:
    """`codels serve > log`: the answers stand in the file."""

    async def test() -> None:
        with (tmp_path / "out").open("wb") as sink, (tmp_path / "err").open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "codels", "serve"),
                stdin=asyncio.subprocess.PIPE,
                stdout=sink,
                stderr=errors,
            )
            body = b'{"jsonrpc":"2.0","id":1,"method":"codels/status","params":{}}'
            exit_ = b'{"jsonrpc":"2.0","method":"exit"}'
            messages = b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(m), m) for m in (body, exit_))
            await process.communicate(messages)
            assert process.returncode == 1
        assert b'"state": "loading"' in (tmp_path / "out").read_bytes()
        assert b"Traceback" not in (tmp_path / "err").read_bytes()

    run(test())


async def _said(client: Client, words: str) -> str:
    """The first line of standard error with `words`, once it is there."""
    while True:
        for line in client.stderr.splitlines():
            if words in line:
                return line
        await asyncio.sleep(0.01)


def test_over_tcp(tmp_path: Path) -> None:
    """One client at a time; the processes end with its connection."""

    async def test() -> None:
        client = Client(tmp_path)
        await client.start("--tcp", "127.0.0.1:0")
        port = int((await _said(client, "listens on")).rpartition(":")[2])
        (engine,) = children(client.process.pid)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        over_tcp = Client(tmp_path)
        over_tcp.process = _Tcp(reader, writer)  # type: ignore[assignment]
        over_tcp._reading = asyncio.create_task(over_tcp._read())
        await over_tcp.initialize({"model": write_script(tmp_path / "model.json")}, INLINE)
        await over_tcp.status("ready")
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        assert await other_reader.read() == b""
        other_writer.close()
        over_tcp.open(URI, "y = ")
        assert await over_tcp.complete(URI, 0, 4)
        writer.close()
        assert await client.process.wait() == 1
        await gone(engine)
        await over_tcp._reading
        assert "Traceback" not in client.stderr

    run(test())


class _Tcp:
    """A connection in the place of a process' pipes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.stdout, self.stdin, self.returncode = reader, writer, None


REFUSED = [
    "0.0.0.0:2087", "192.168.1.1:2087", "example.org:80", ":2087", "[::]:2087", "2087", "127.0.0.1", "127.0.0.1:",
    "127.0.0.1:http", "127.0.0.1:-1", "127.0.0.1:65536", "127.0.0.1:²", "localhost.example.org:1",
]  # fmt: skip


def test_addresses_that_are_not_this_machine_s_are_refused() -> None:
    for address in REFUSED:
        with pytest.raises(UserError, match="HOST:PORT on this machine"):
            parse_address(address)
    assert parse_address("[::1]:0") == ("::1", 0)
    assert parse_address("localhost:65535") == ("localhost", 65535)
