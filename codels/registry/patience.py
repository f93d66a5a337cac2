"""Work that may block for long, such as reading from the network: given up as soon as somebody says "stop"."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import TypeVar

from codels.cancel import CancelToken
from codels.errors import Stopped

T = TypeVar("T")

LOOK_S = 0.1
"""Between looks at whether somebody said "stop", in seconds."""

_END = object()


def call(work: Callable[[], T], cancel: CancelToken) -> T:
    """What `work` answers. Raises `Stopped` when cancelled, and leaves the call to end by itself."""
    return next(iterate((done() for done in [work]), cancel))


def iterate(items: Iterator[T], cancel: CancelToken) -> Generator[T]:
    """The items, made in a thread of their own. Raises what making them raises, and `Stopped` when cancelled.

    A read that blocks cannot be woken, so its thread is left behind: it ends when the read does.
    """
    made: queue.Queue[tuple[object, BaseException | None]] = queue.Queue(maxsize=4)
    is_over = threading.Event()

    def give(item: object, error: BaseException | None = None) -> None:
        while not is_over.is_set():
            with suppress(queue.Full):
                made.put((item, error), timeout=LOOK_S)
                return

    def work() -> None:
        try:
            for item in items:
                give(item)
                if is_over.is_set():
                    return
            give(_END)
        except BaseException as error:
            give(_END, error)

    threading.Thread(target=work, name="codels-download", daemon=True).start()
    try:
        while True:
            item, error = _next(made, cancel)
            if error is not None:
                raise error
            if item is _END:
                return
            yield item  # type: ignore[misc]
    finally:
        is_over.set()


def wait(seconds: float, cancel: CancelToken) -> None:
    """Raises `Stopped` as soon as `cancel` says so."""
    woken = threading.Event()
    cancel.on_cancel(woken.set)
    woken.wait(seconds)
    check_cancel(cancel)


def check_cancel(cancel: CancelToken) -> None:
    """Raises `Stopped` when somebody said "stop"."""
    if cancel.is_cancelled:
        raise Stopped("the pull was stopped; what has come is kept, and the next pull goes on from there")


def _next(
    made: queue.Queue[tuple[object, BaseException | None]], cancel: CancelToken
) -> tuple[object, BaseException | None]:
    while True:
        check_cancel(cancel)
        with suppress(queue.Empty):
            return made.get(timeout=LOOK_S)
