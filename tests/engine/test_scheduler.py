"""Who gets the model: tables of what arrives, and who is cancelled by it."""

from __future__ import annotations

import random
import threading

import pytest

from codels.cancel import CancelToken
from codels.engine.scheduler import Job, Scheduler

PATIENCE_S = 60.0


def _ignore(_cancel: CancelToken) -> None:
    """A job that does nothing."""


class Held:
    """A scheduler with its worker thread, whose jobs run until they are let go or cancelled, and are written down."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.done: list[str] = []
        self._started = threading.Event()
        self._go = threading.Event()
        self._thread = threading.Thread(target=self.scheduler.work)

    def job(self, id_: int, is_explicit: bool) -> Job:
        def run(cancel: CancelToken) -> None:
            self._started.set()
            woken = threading.Event()
            cancel.on_cancel(woken.set)
            while not (self._go.is_set() or woken.is_set()):
                woken.wait(0.001)
            self.done.append(f"{id_}{'-' if cancel.is_cancelled else '+'}")

        return Job(id_, is_explicit, run)

    def start(self) -> None:
        """Start the worker and wait until a job is running."""
        self._thread.start()
        assert self._started.wait(PATIENCE_S)

    def finish(self) -> list[str]:
        """Let every job end by itself; the ids in the order in which they were answered, with + or - if cancelled."""
        self._go.set()
        done = threading.Event()
        self.scheduler.submit(Job(0, True, lambda _cancel: done.set()))
        assert done.wait(PATIENCE_S)
        self.scheduler.close()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        return self.done


ROWS = [
    # letters in the order of arrival: a automatic, e explicit; the first is running when the others come
    ("a", "1+"),
    ("e", "1+"),
    ("aa", "1- 2+"),
    ("aaa", "1- 2- 3+"),
    ("ae", "1+ 2+"),
    ("ea", "1+ 2+"),
    ("eaa", "1+ 2- 3+"),
    ("eaaa", "1+ 2- 3- 4+"),
    ("eee", "1+ 2+ 3+"),
    ("aea", "1- 2+ 3+"),
    ("eaea", "1+ 2- 3+ 4+"),
    ("aeaea", "1- 2+ 3- 4+ 5+"),
    ("aaee", "1- 2+ 3+ 4+"),
]


@pytest.mark.parametrize(("arrivals", "answers"), ROWS)
def test_the_newest_keystroke_wins_and_what_was_asked_for_by_hand_is_never_dropped(arrivals: str, answers: str) -> None:
    held = Held()
    first, *others = [held.job(n, letter == "e") for n, letter in enumerate(arrivals, 1)]
    held.scheduler.submit(first)
    held.start()
    for job in others:
        held.scheduler.submit(job)
    assert " ".join(held.finish()) == answers


@pytest.mark.parametrize(
    ("arrivals", "cancelled", "answers"),
    [
        ("a", [1], "1-"),
        ("e", [1], "1-"),
        ("ee", [2], "1+ 2-"),
        ("ee", [1], "1- 2+"),
        ("eee", [2, 2, 2], "1+ 2- 3+"),
        ("ea", [2], "1+ 2-"),
        ("ee", [7, 0, -1], "1+ 2+"),
        ("ee", [1, 2], "1- 2-"),
    ],
)
def test_cancelling_by_id(arrivals: str, cancelled: list[int], answers: str) -> None:
    held = Held()
    first, *others = [held.job(n, letter == "e") for n, letter in enumerate(arrivals, 1)]
    held.scheduler.submit(first)
    held.start()
    for job in others:
        held.scheduler.submit(job)
    for id_ in cancelled:
        held.scheduler.cancel(id_)
    assert " ".join(held.finish()) == answers


def test_cancelling_an_id_that_is_done_is_no_error() -> None:
    held = Held()
    held.scheduler.submit(held.job(1, True))
    held.start()
    assert held.finish() == ["1+"]
    held.scheduler.cancel(1)


def test_closing_cancels_and_answers_what_is_left() -> None:
    held = Held()
    for n in (1, 2, 3):
        held.scheduler.submit(held.job(n, True))
    held.start()
    held.scheduler.close()
    held._thread.join(PATIENCE_S)
    assert held.done == ["1-", "2-", "3-"]


def test_closing_while_nothing_waits_ends_the_worker() -> None:
    scheduler = Scheduler()
    thread = threading.Thread(target=scheduler.work)
    thread.start()
    scheduler.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_a_job_is_cancelled_outside_the_lock() -> None:
    """A callback that asks the scheduler for something must not wait for itself."""
    scheduler, heard = Scheduler(), threading.Event()
    former = Job(1, False, _ignore)
    former.cancel.on_cancel(lambda: (scheduler.cancel(2), heard.set()))
    scheduler.submit(former)
    thread = threading.Thread(target=lambda: scheduler.submit(Job(2, False, _ignore)), daemon=True)
    thread.start()
    assert heard.wait(PATIENCE_S)
    thread.join(PATIENCE_S)


@pytest.mark.parametrize("seed", range(3))
def test_every_job_of_many_threads_is_run_exactly_once_and_one_at_a_time(seed: int) -> None:
    scheduler, rng = Scheduler(), random.Random(seed)
    ran: list[int] = []
    alone = threading.Lock()

    def run(id_: int) -> None:
        assert alone.acquire(blocking=False)
        ran.append(id_)
        alone.release()

    def submit(ids: list[int]) -> None:
        for id_ in ids:
            scheduler.submit(Job(id_, id_ % 3 == 0, lambda _cancel, id_=id_: run(id_)))
            if id_ % 5 == 0:
                scheduler.cancel(rng.randint(0, id_))

    worker = threading.Thread(target=scheduler.work)
    worker.start()
    threads = [threading.Thread(target=submit, args=(list(range(n, 800, 4)),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    scheduler.close()
    worker.join(PATIENCE_S)
    assert sorted(ran) == list(range(800))


def test_a_keystroke_does_not_cancel_the_explicit_job_that_it_waits_for() -> None:
    """Submitted while an explicit job runs, two keystrokes leave it alone, and the second overtakes the first."""
    scheduler = Scheduler()
    explicit, first, second = Job(1, True, _ignore), Job(2, False, _ignore), Job(3, False, _ignore)
    for job in (explicit, first, second):
        scheduler.submit(job)
    assert [job.cancel.is_cancelled for job in (explicit, first, second)] == [False, True, False]
