"""One connection to a server, and the thread that reads from it: a read that blocks cannot be woken.

Who leaves shuts the connection down, which ends both the read and the server's work.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from codels.cancel import CancelToken
from codels.errors import Cancelled

MAX_ANSWER_BYTES = 1 << 24
"""Of one answer: some hundred tokens with their log-probabilities have a tenth of it."""

_END, _CANCELLED = object(), object()


class Late(Exception):
    """The time for an answer is over."""


class _Left(Exception):
    """Nobody waits any more."""


class TooMuch(Exception):
    """More bytes than any answer has."""


@dataclass(frozen=True, slots=True)
class Question:
    """`body` None: a GET."""

    path: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of an answer."""

    status: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer is waited for: until somebody cancels, or until a time of the monotonic clock."""

    cancel: CancelToken
    until: float


class Line:
    """A client that holds one connection, and the thread that reads from it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._socket: Any = None
        self._is_left = self._is_idle = self._is_broken = False

    @property
    def is_free(self) -> bool:
        """Whether another question can follow."""
        return self._is_idle and not self._is_broken

    def run(self, url: str, body: Mapping[str, Any] | None, patience: Patience) -> Iterator[Reply | bytes]:
        """Raises what the client raises, `Late` and `Cancelled`; each at once."""
        made: queue.SimpleQueue[Any] = queue.SimpleQueue()
        patience.cancel.on_cancel(lambda: made.put(_CANCELLED))
        self._is_idle = False
        threading.Thread(target=self._work, args=(url, body, made.put), name="remote", daemon=True).start()
        while True:
            try:
                item = made.get(timeout=max(0.0, patience.until - time.monotonic()))
            except queue.Empty:
                raise Late from None
            if item is _CANCELLED or patience.cancel.is_cancelled:
                raise Cancelled("the question was cancelled")
            if item is _END:
                return
            if isinstance(item, Exception):
                raise item
            yield item

    def leave(self) -> None:
        """End the connection now, whoever reads from it or writes to it."""
        self._is_left = True
        if self._socket:
            with suppress(OSError):
                self._socket.shutdown(2)  # both directions: a blocking read ends
        if self._is_idle:
            self._client.close()

    def _work(self, url: str, body: Mapping[str, Any] | None, put: Callable[[object], None]) -> None:
        asked = {"json": body} if body is not None else {}
        extensions = {"trace": self._follow}
        try:
            with self._client.stream("GET" if body is None else "POST", url, extensions=extensions, **asked) as answer:
                kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                put(Reply(answer.status_code, kind))
                n_bytes = 0
                for data in answer.iter_raw():
                    n_bytes += len(data)
                    if n_bytes > MAX_ANSWER_BYTES:
                        raise TooMuch
                    put(data)
            self._is_idle = True
            put(_END)
        except Exception as error:
            self._is_broken = True
            put(error)
        finally:
            self._is_idle = True
            if self._is_left:
                self._client.close()

    def _follow(self, event: str, info: Mapping[str, Any]) -> None:
        """What the client does, step by step: this is how its socket is known before there is any answer."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self._is_left:
                info["return_value"].close()  # which the client does not have yet
        if self._is_left:
            raise _Left
