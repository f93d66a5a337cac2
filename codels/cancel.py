"""Saying "stop" across threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class CancelToken:
    """Says "stop" from any thread. Callbacks run once, at once when it is already cancelled."""

    _event: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _callbacks: list[Callable[[], object]] = field(default_factory=list)

    @property
    def is_cancelled(self) -> bool:
        return self._event.is_set()

    def cancel(self) -> None:
        with self._lock:
            already, callbacks = self._event.is_set(), self._callbacks
            self._event.set()
            self._callbacks = []
        if not already:
            for callback in callbacks:
                callback()

    def on_cancel(self, callback: Callable[[], object]) -> None:
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()
