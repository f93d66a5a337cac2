"""A hub on loopback: what `huggingface_hub` needs of the real one, and all that can go wrong on the way."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from codels.cancel import CancelToken
from codels.registry.card import ModelCard
from codels.registry.pull import Talk, pull

COMMIT = "c" * 40

SIZE = 3_000_000

CARD = """id = "{id}"
title = "{title}"
backend = "fake"
family = "codels"
order = "spm"
license = "other"
license_note = "Not for rockets."
[[files]]
path = "{id}.json"
repo = "o/m"
size = {size}
sha256 = "{sha256}"
"""

Cards = Callable[..., ModelCard]
"""Makes a card of the hub's file, as it is or with fields that are not so."""


@dataclass
class Hub:
    """Each fault takes one request: it answers itself and returns true, or returns false and lets it be answered.

    Every file is `data`, but for those that `files` names; these are what a list of the repository shows.
    """

    data: bytes
    files: dict[str, bytes] = field(default_factory=dict)
    license: str = ""
    etag: str = ""
    address: str = ""
    faults: list[Callable[[Handler], bool]] = field(default_factory=list)
    heads: list[Callable[[Handler], bool]] = field(default_factory=list)
    lists: list[Callable[[Handler], bool]] = field(default_factory=list)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range of each request."""
    n_sent: int = 0

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def card(self, id_: str, title: str) -> str:
        """TOML of a scripted model whose script the hub has."""
        return CARD.format(id=id_, title=title, size=len(self.data), sha256=self.sha256)

    @property
    def cdn(self) -> str:
        """The same server under another name."""
        return self.address.replace("127.0.0.1", "localhost") + "/cdn/"

    @property
    def listed(self) -> bytes:
        """The hub's API of a model, as far as it is used."""
        siblings = [
            {"rfilename": path, "size": len(data), "blobId": "b" * 40}
            | {"lfs": {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "pointerSize": 134}}
            for path, data in self.files.items()
        ]
        return json.dumps(
            {"id": "o/m", "sha": COMMIT, "siblings": siblings, "cardData": {"license": self.license}}
        ).encode()

    @property
    def ranges(self) -> list[str]:
        return [asked for method, path, asked in self.seen if method == "GET" and path.startswith("/cdn/")]


class Handler(BaseHTTPRequestHandler):
    """`/o/m/resolve/…` leads to another host that has the bytes, as on the hub."""

    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._note()
        if self.hub.heads and self.hub.heads.pop(0)(self):
            return
        etag = self.hub.etag or hashlib.sha256(self.data).hexdigest()
        self.answer(
            302,
            Location=self.hub.cdn + self.name,
            X_Repo_Commit=COMMIT,
            X_Linked_Size=len(self.data),
            X_Linked_Etag=etag,
        )

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/"):
            self._list()
        elif not self.path.startswith("/cdn/"):
            self.answer(302, Location=self.hub.cdn + self.name)
        else:
            self._note()
            if not (self.hub.faults and self.hub.faults.pop(0)(self)):
                self.send_rest(self.start)

    def _list(self) -> None:
        self._note()
        if not (self.hub.lists and self.hub.lists.pop(0)(self)):
            self.head(200, Content_Length=len(self.hub.listed), Content_Type="application/json")
            self.wfile.write(self.hub.listed)

    @property
    def name(self) -> str:
        """The file that is asked for, of the repository or of the host of the bytes."""
        return re.sub(r"^/(cdn|[^/]+/[^/]+/resolve/[^/]+)/", "", self.path)

    @property
    def data(self) -> bytes:
        return self.hub.files.get(self.name, self.hub.data)

    @property
    def start(self) -> int:
        return int(self.headers.get("Range", "bytes=0-")[6:-1])

    def send_rest(self, start: int, most: int = 1 << 40, status: int = 0) -> None:
        """The file from `start` on, or its first `most` bytes of that; then the connection ends."""
        size = len(self.data)
        shown = {"Content_Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
        self.head(status or (206 if start else 200), Content_Length=size - start, **shown)
        body = self.data[start : start + most]
        self.wfile.write(body)
        self.hub.n_sent += len(body)

    def head(self, status: int, **headers: object) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def answer(self, status: int, **headers: object) -> bool:
        self.head(status, Content_Length=0, **headers)
        return True

    def _note(self) -> None:
        self.hub.seen.append((self.command, self.path, self.headers.get("Range", "")))


@contextmanager
def serving(data: bytes) -> Iterator[Hub]:
    hub = Hub(data)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def cut(most: int) -> Callable[[Handler], bool]:
    """The connection ends after so many bytes."""

    def fault(handler: Handler) -> bool:
        handler.send_rest(handler.start, most)
        return True

    return fault


def refuse(status: int, **headers: object) -> Callable[[Handler], bool]:
    return lambda handler: handler.answer(status, **headers)


def ignore_range(handler: Handler) -> bool:
    """All of it, though a part was asked for."""
    handler.send_rest(0)
    return True


def wrong_range(handler: Handler) -> bool:
    """Another part than the one asked for."""
    handler.send_rest(handler.start // 2 or 1, status=206)
    return True


def too_much(handler: Handler) -> bool:
    """More than the file has."""
    handler.head(200)
    handler.wfile.write(handler.hub.data + b"more")
    return True


Fault = Callable[[Handler], bool]


def fetch(model: ModelCard, told: list[str] | None = None, is_offline: bool = False) -> Path:
    said = [] if told is None else told
    return pull(model, Talk(said.append, lambda _progress: None), CancelToken(), is_offline)


def part(models: Path) -> Path:
    (found,) = models.rglob("*.part")
    return found
