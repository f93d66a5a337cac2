"""The engine's process: reads messages from its standard input, runs one backend, writes answers to its output.

The main thread reads, a worker thread calls the backend. The end of the input means that the editor's side is
gone, whatever the reason; the process then ends at once, so that no weights outlive their user.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from codels import backends
from codels.backends import Backend, Embedder, Scorer
from codels.cancel import CancelToken
from codels.engine import wire
from codels.engine.scheduler import Job, Scheduler
from codels.errors import CodelsError, EngineDown, ModelError
from codels.generation import Step

REPORT_EVERY_S = 0.2
JOIN_S = 0.03

_Run = Callable[[wire.Message, CancelToken], None]


class Host:
    """Ties messages to the scheduler and the backend's answers to messages."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._scheduler = Scheduler()
        self._backend: Backend | None = None

    def serve(self, lines: BinaryIO, warm: str = "") -> None:
        """Answer messages until the input ends; import the library of the backend `warm` meanwhile."""
        if warm:
            self._scheduler.submit(Job(0, True, lambda _cancel: backends.warm(warm)))
        threading.Thread(target=self._scheduler.work, name="model", daemon=True).start()
        for line in lines:
            self._take(wire.decode(line))

    def _take(self, message: wire.Message) -> None:
        if message["op"] == "cancel":
            self._scheduler.cancel(message["id"])
            return
        runs = {"load": self._load, "score": self._score, "embed": self._embed, "devices": self._devices}
        run = runs.get(message["op"], self._generate)
        is_explicit = message.get("explicit", True)
        self._scheduler.submit(Job(message["id"], is_explicit, lambda cancel: self._guarded(run, message, cancel)))

    def _guarded(self, run: _Run, message: wire.Message, cancel: CancelToken) -> None:
        try:
            run(message, cancel)
        except Exception as error:
            if not isinstance(error, CodelsError):
                traceback.print_tb(error.__traceback__)  # without its message, which may quote the user's code
            self._send(wire.failed(message["id"], error))

    def _load(self, message: wire.Message, cancel: CancelToken) -> None:
        if self._backend:
            self._backend.close()
            self._backend = None

        def on_progress(fraction: float, gpu: str) -> bool:
            self._send({"op": "progress", "id": message["id"], "fraction": fraction, "gpu": gpu})
            return not cancel.is_cancelled

        self._backend = backends.load(wire.load_spec(message), _now_and_then(on_progress))
        self._send(wire.loaded(message["id"], self._backend.info))

    @property
    def _loaded(self) -> Backend:
        if self._backend is None:
            raise EngineDown("no model is loaded")
        return self._backend

    def _generate(self, message: wire.Message, cancel: CancelToken) -> None:
        steps = self._loaded.generate(wire.prompt(message), wire.params(message), cancel)
        for step in _by_lines(steps):
            self._send(wire.step(message["id"], step))

    def _score(self, message: wire.Message, cancel: CancelToken) -> None:
        if not self._loaded.info.can_score:
            raise ModelError("this model cannot say how likely a text is")
        score = cast(Scorer, self._loaded).score(wire.prompt(message), message["text"], cancel)
        self._send(wire.scored(message["id"], score))

    def _embed(self, message: wire.Message, cancel: CancelToken) -> None:
        if not self._loaded.info.can_embed:
            raise ModelError("this model's backend makes no vectors; choose a model for embeddings")
        vectors = cast(Embedder, self._loaded).embed(tuple(message["texts"]), cancel)
        self._send(wire.embedded(message["id"], vectors))

    def _devices(self, message: wire.Message, _cancel: CancelToken) -> None:
        self._send(wire.devices(message["id"], backends.devices()))

    def _send(self, message: wire.Message) -> None:
        with self._lock:
            self._output.write(wire.encode(message))
            self._output.flush()


def _by_lines(steps: Iterator[Step]) -> Iterator[Step]:
    """Steps joined up to a line end or for `JOIN_S`: a small model writes tokens faster than messages travel."""
    joined, since = Step(), time.monotonic()
    for step in steps:
        if step.is_last:
            if joined.text or joined.token_ids:
                yield joined
            yield step
            return
        joined += step
        if "\n" in step.text or time.monotonic() - since > JOIN_S:
            yield joined
            joined, since = Step(), time.monotonic()


def _now_and_then(on_progress: backends.OnProgress) -> backends.OnProgress:
    """Loaders report every tensor; a person needs a few reports a second, each other device, and the last one."""
    told_s, told_gpu = 0.0, ""

    def on_fraction(fraction: float, gpu: str) -> bool:
        nonlocal told_s, told_gpu
        if fraction < 1 and gpu == told_gpu and time.monotonic() - told_s < REPORT_EVERY_S:
            return True
        told_s, told_gpu = time.monotonic(), gpu
        return on_progress(fraction, gpu)

    return on_fraction


def main() -> None:
    # Libraries print; the channel must not hear it. It moves to a descriptor of its own, and 1 becomes 2.
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is fetched here, whatever a model's library would like
    try:
        Host(channel).serve(sys.stdin.buffer, *sys.argv[1:2])
    finally:  # also of a last line that was cut off by its writer's death
        os._exit(0)  # a model thread may be deep in native code; nothing here needs to be saved


if __name__ == "__main__":
    main()
