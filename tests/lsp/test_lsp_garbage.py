"""Bytes that are no message, messages that are no request: the server goes on, and every request is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lsp_session import URI, run, server

from codels.lspclient import ServerError, inline_params

GARBAGE: list[bytes] = [
    b"hello\r\n\r\n",
    b"\r\n\r\n\r\n",
    b"Content-Length: 0\r\n\r\n",
    b"Content-Length: minus\r\n\r\n",
    b"Content-Length: -5\r\n\r\n",
    b"Content-Type: text/plain\r\n\r\n",
    b"\x00\xff\xfe" * 1000 + b"\r\n",
    b"x" * 200_000 + b"\r\n",
]

BODIES: list[bytes] = [
    b"",
    b" ",
    b"{",
    b"null",
    b"7",
    b"[]",
    b'"text"',
    b"{}",
    b"[" * 100_000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b"\xff\xfe\xfd",
    b'{"jsonrpc": "1.0", "method": "x"}',
    b'{"jsonrpc": "2.0"}',
    b'{"jsonrpc": "2.0", "method": 7}',
    b'{"jsonrpc": "2.0", "method": "no/such/notification", "params": {}}',
    b'{"jsonrpc": "2.0", "method": "$/cancelRequest"}',
    b'{"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": {}}}',
    b'{"jsonrpc": "2.0", "method": "textDocument/didOpen"}',
    b'{"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": []}',
    b'{"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": 7}}',
    b'{"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"textDocument": {"uri": "x"}}}',
    b'{"jsonrpc": "2.0", "method": "workspace/didChangeConfiguration"}',
    b'{"jsonrpc": "2.0", "method": "initialized", "params": 7}',
    b'{"jsonrpc": "2.0", "id": 12345, "result": null}',
    b'{"jsonrpc": "2.0", "id": "never-asked", "error": {"code": 1, "message": "no"}}',
    b'{"jsonrpc": "2.0", "id": [], "method": "codels/status"}',
]


def test_garbage_on_standard_input_does_not_end_the_server(tmp_path: Path) -> None:
    async def test() -> None:
        async with server(tmp_path, env={"CODELS_LOG": "nonsense"}) as client:
            stdin = client.process.stdin
            assert stdin
            client.open(URI, "y = ")
            for garbage in [*GARBAGE, *(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in BODIES)]:
                stdin.write(garbage)
                assert (await client.status())["state"] == "ready"
            assert await client.complete(URI, 0, 4)
            assert len(client.told) <= 1  # an edit that cannot be read costs its document, and that is said

    run(test())


WRONG_REQUESTS: list[tuple[str, Any]] = [
    ("no/such/request", {}),
    ("textDocument/hover", inline_params(URI, 0, 0)),
    ("textDocument/inlineCompletion", None),
    ("textDocument/inlineCompletion", []),
    ("textDocument/inlineCompletion", {"textDocument": {"uri": URI}}),
    ("textDocument/inlineCompletion", inline_params(URI, 0, "x")),  # type: ignore[arg-type]
    ("textDocument/inlineCompletion", inline_params(URI, -1, 0)),
    ("textDocument/inlineCompletion", inline_params(URI, 0, 2**40)),
    ("textDocument/inlineCompletion", {**inline_params(URI, 0, 0), "context": {"triggerKind": 99}}),
]


def test_requests_with_wrong_parameters_are_answered_with_an_error(tmp_path: Path) -> None:
    """Every request is answered: an editor may wait for one without end."""

    async def test() -> None:
        async with server(tmp_path) as client:
            client.open(URI, "y = ")
            for method, params in WRONG_REQUESTS:
                try:
                    answer = await client.request(method, params)
                except ServerError:
                    continue
                assert method == "textDocument/inlineCompletion", (method, params, answer)
            assert await client.complete(URI, 0, 4)
            assert client.told == []

    run(test())
