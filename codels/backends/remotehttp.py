"""A server over HTTP: asked one question at a time, read piece by piece, left at once when nobody waits any more.

Nothing is tried again once the first byte of an answer is there, and nothing that comes is read without limits.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import Any, cast

from codels import __version__
from codels.backends import remotewords
from codels.backends.remoteline import Line, Patience, Question, Reply, TooMuch
from codels.endpoint import Endpoint
from codels.errors import RemoteError

CONNECT_S, READ_S = 5.0, 120.0
"""Until a connection is there, and between two bytes of an answer."""

IDLE_S = 60.0
"""A connection is kept so long for the next question."""

MAX_LINE_BYTES = 1 << 20
MAX_JSON_BYTES = 1 << 22

DONE: Mapping[str, Any] = {}
"""The event that OpenAI's streams end with."""


class Server:
    """One server, for as long as its model is loaded. `key` is sent as OpenAI's clients send it."""

    def __init__(self, endpoint: Endpoint, key: str) -> None:
        import httpx2

        self.endpoint = endpoint
        # Verification is on everywhere; where there can be no TLS, the 90 ms for the system's authorities are spared.
        self._has_tls = endpoint.url.startswith("https:")
        is_plain = endpoint.is_loopback and not self._has_tls
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if is_plain else httpx2.create_ssl_context()
        headers = {"User-Agent": f"codels/{__version__}", "Accept-Encoding": "identity"}

        def connect() -> httpx2.Client:
            return httpx2.Client(
                verify=context,
                trust_env=not endpoint.is_loopback,  # proxies, which never see what stays on this machine
                follow_redirects=False,  # code and key go to the host that was named, and to no other
                headers={**headers, **({"Authorization": f"Bearer {key}"} if key else {})},
                timeout=httpx2.Timeout(READ_S, connect=CONNECT_S),
                limits=httpx2.Limits(max_connections=1, keepalive_expiry=IDLE_S),
            )

        self._connect = connect
        self._line: Line | None = None
        self._is_over = False
        self._failures, self._late = httpx2.HTTPError, httpx2.TimeoutException

    def events(self, question: Question, patience: Patience) -> Generator[Mapping[str, Any]]:
        """The JSON objects of an event stream, or the one of a server that does not stream; `DONE` where it says so.

        Raises `RemoteError`, `Late`, `Cancelled`.
        """
        with closing(self._ask(question, patience)) as answer:
            kind = self._opened(answer, question).content_type
            if kind == "application/json":
                yield self._object(_whole(answer))
                return
            if kind != "text/event-stream":
                raise RemoteError(remotewords.strange(self.endpoint, question.path, kind))
            for line in self._lines(answer):
                data = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
                if data == b"[DONE]":
                    yield DONE
                    return
                if data:
                    yield self._object(data)

    def fetch(self, question: Question, patience: Patience) -> Mapping[str, Any]:
        """The JSON object that a path answers with. Raises `RemoteError`, `Late`, `Cancelled`."""
        with closing(self._ask(question, patience)) as answer:
            kind = self._opened(answer, question).content_type
            if kind != "application/json":
                raise RemoteError(remotewords.strange(self.endpoint, question.path, kind))
            return self._object(_whole(answer))

    def keep(self) -> None:
        """Nothing of the answer follows that anybody needs: its connection may serve the next question."""
        self._is_over = True

    def close(self) -> None:
        if self._line:
            self._line.leave()
        self._line = None

    def _opened(self, answer: Iterator[Reply | bytes], question: Question) -> Reply:
        """The head of an answer that is one; others raise what their status means."""
        reply = next(answer)
        assert isinstance(reply, Reply)
        if reply.status != 200:
            n_asked = _asked(question)
            raise remotewords.refusal(self.endpoint, question.path, reply.status, _whole(answer), n_asked)
        return reply

    def _lines(self, answer: Iterator[Reply | bytes]) -> Iterator[bytes]:
        rest = bytearray()
        for data in answer:
            rest += cast(bytes, data)
            *lines, last = rest.split(b"\n")
            yield from (bytes(line) for line in lines)
            rest = last
            if len(rest) > MAX_LINE_BYTES:
                raise RemoteError(remotewords.garbled(self.endpoint, "a line without an end"))
        yield bytes(rest)

    def _object(self, data: bytes) -> Mapping[str, Any]:
        try:
            found = json.loads(data.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise RemoteError(remotewords.garbled(self.endpoint, "what is no JSON")) from error
        if not isinstance(found, dict) or not found:
            raise RemoteError(remotewords.garbled(self.endpoint, "JSON that is no object"))
        if found.get("error"):
            raise RemoteError(remotewords.broken_off(self.endpoint, "it says that an error happened"))
        return found

    def _ask(self, question: Question, patience: Patience) -> Generator[Reply | bytes]:
        """The head of the answer, then its bytes. Leaving early leaves the server.

        Connections without TLS are made anew each time, in half a millisecond on loopback: on one that is kept, one
        whose writes wait for acknowledgements (Nagle's algorithm) took 44 ms to its first byte.
        """
        for is_last in (False, True):
            line, has_begun = self._free_line(), False
            self._is_over = False
            try:
                for item in line.run(self.endpoint.url + question.path, question.body, patience):
                    has_begun = True
                    yield item
                self._is_over = True
                return
            except TooMuch as error:
                raise RemoteError(remotewords.garbled(self.endpoint, "more than any answer has")) from error
            except self._late as error:
                raise RemoteError(remotewords.silent(self.endpoint)) from error
            except self._failures as error:
                if has_begun:
                    raise RemoteError(remotewords.broken_off(self.endpoint, "the connection ended")) from error
                if is_last:
                    raise RemoteError(remotewords.unreachable(self.endpoint, str(error))) from error
            finally:
                if self._is_over and self._has_tls:
                    self._line = line
                else:
                    line.leave()

    def _free_line(self) -> Line:
        line, self._line = self._line, None
        if line and line.is_free:
            return line
        if line:
            line.leave()
        return Line(self._connect())


def _asked(question: Question) -> int:
    """The tokens that an answer may have."""
    body = question.body or {}
    return int(body.get("max_tokens", body.get("n_predict", 0)))


def _whole(answer: Iterator[Reply | bytes]) -> bytes:
    """What is left of an answer, up to a limit."""
    found = bytearray()
    for data in answer:
        found += cast(bytes, data)
        if len(found) > MAX_JSON_BYTES:
            break
    return bytes(found)
