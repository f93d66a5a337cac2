"""Who gets the model next. One job at a time; the newest keystroke wins; what was asked for by hand is never dropped.

A keystroke that has been overtaken is cancelled, running or waiting, and still gets its turn: the worker sees the
cancelled token and answers it at once. So every job is answered exactly once, by one path.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from codels.cancel import CancelToken


@dataclass(frozen=True, slots=True)
class Job:
    """`run` does the work and answers. `is_explicit`: asked for by hand."""

    id: int
    is_explicit: bool
    run: Callable[[CancelToken], None]
    cancel: CancelToken = field(default_factory=CancelToken)


class Scheduler:
    """A queue that any thread may fill and one worker thread empties."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._changed = threading.Condition()
        self._is_closed = False

    def submit(self, job: Job) -> None:
        with self._changed:
            overtaken = [] if job.is_explicit else [j for j in self._all() if not j.is_explicit]
            self._waiting.append(job)
            self._changed.notify()
        for former in overtaken:
            former.cancel.cancel()

    def cancel(self, id_: int) -> None:
        """Cancel one job; an id that is done or unknown is no error, answers and cancels cross on their way."""
        with self._changed:
            jobs = [job for job in self._all() if job.id == id_]
        for job in jobs:
            job.cancel.cancel()

    def work(self) -> None:
        """Run jobs until `close`."""
        while (job := self._next()) is not None:
            job.run(job.cancel)

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            jobs = self._all()
            self._changed.notify()
        for job in jobs:
            job.cancel.cancel()

    def _next(self) -> Job | None:
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if self._waiting:
                self._running = self._waiting.popleft()
            return self._running

    def _all(self) -> list[Job]:
        return [*([self._running] if self._running else []), *self._waiting]
