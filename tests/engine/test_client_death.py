"""The engine's process dies: whoever waits hears of it, and it comes back, later each time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from engines import DELAYS_S, MINUTE, Engine, Script, engine, gone, run, soon

from codels.engine import client as client_module
from codels.engine import process
from codels.engine.client import State
from codels.errors import EngineDown


async def _kill(e: Engine) -> int:
    """kill -9, and what comes after it: down, then another process."""
    pid = e.pid
    assert pid
    n_told = len(e.told)
    os.kill(pid, signal.SIGKILL)
    await e.until(lambda: any(status.state is State.DOWN for status in e.told[n_told:]))
    await gone(pid)
    return pid


def test_killed_while_idle(script: Script) -> None:
    async def test() -> None:
        async with engine(script()) as e:
            pid = await _kill(e)
            await e.until_state(State.READY)
            assert e.pid != pid
            assert (await e.say())[0] == "x + 1\n"
            assert e.states == [State.LOADING, State.READY, State.DOWN, State.LOADING, State.READY]
            assert [s.message for s in e.told if s.state is State.DOWN] == ["the engine died (signal 9)"]

    run(test())


def test_killed_in_mid_answer_every_waiting_request_hears_of_it(script: Script) -> None:
    async def test() -> None:
        async with engine(script(answers={"": "x\n" * 900, "after": "yes"}, step_ms=50)) as e:
            answers = [await soon(e.say(max_tokens=900)) for _ in range(5)]
            await asyncio.sleep(0.1)
            await _kill(e)
            for answer in answers:
                with pytest.raises(EngineDown, match="died"):
                    await answer
            await e.until_state(State.READY)
            assert (await e.say("after"))[0] == "yes"
            assert e.n_waiting == 0

    run(test())


def test_killed_while_loading(script: Script) -> None:
    async def test() -> None:
        async with engine(script(load_ms=MINUTE), is_ready=False) as e:
            await e.until(lambda: any(status.fraction for status in e.told))  # its load has begun
            script()
            await _kill(e)
            await e.until_state(State.READY)
            assert (await e.say())[0] == "x + 1\n"

    run(test())


def test_what_is_asked_between_two_lives_is_answered_at_once(script: Script) -> None:
    """Also where another model is to be loaded then."""

    async def test() -> None:
        async with engine(script()) as e:
            await _kill(e)
            e.load(script("other"))
            with pytest.raises(EngineDown):
                await asyncio.wait_for(e.devices(), 5)
            await e.ready()

    run(test())


def test_killed_twice_at_once(script: Script) -> None:
    """The second time before the new process has loaded anything."""

    async def test() -> None:
        async with engine(script()) as e:
            await _kill(e)
            await e.until_state(State.LOADING)
            await _kill(e)
            await e.until_state(State.READY)
            assert (await e.say())[0] == "x + 1\n"

    run(test())


def test_a_backend_that_ends_the_process(script: Script) -> None:
    async def test() -> None:
        async with engine(script(dies_on="!")) as e:
            with pytest.raises(EngineDown, match="exit code 11"):
                await e.say("boom!")
            await e.until_state(State.READY)
            assert (await e.say("calm"))[0] == "x + 1\n"

    run(test())


DEATHS_ON_GPU = [
    ({"dies_on_gpu": True}, "the engine died (signal 11) while it loaded model.json onto CUDA0 RTX: the CPU is used"),
    (
        {"dies_working_on_gpu": True},
        "the engine died (signal 6) at the first work of model.json on CUDA0 RTX: the CPU is used",
    ),
]


@pytest.mark.parametrize(("fields", "words"), DEATHS_ON_GPU)
def test_a_model_that_a_gpu_kills_is_loaded_onto_the_cpu(script: Script, fields: dict[str, Any], words: str) -> None:
    async def test() -> None:
        async with engine(script(gpu="CUDA0 RTX", **fields)) as e:
            with contextlib.suppress(EngineDown):
                await e.say()  # the first work
            info = await e.ready()
            assert (await e.say())[0] == "x + 1\n"
            assert State.DOWN not in e.states
            (notice,) = {status.notice for status in e.told if status.notice}
            assert notice.startswith(f"{words} instead; is the GPU's driver up to date")
            assert info.plan == (notice,)  # the status and the log say it, too
            await _kill(e)  # later deaths are none of the GPU's, which is not tried again
            await e.until_state(State.READY)
            assert (await e.ready()).plan == (notice,)
            assert e.status.gpu == ""

    run(test())


def test_what_the_former_model_still_says_clears_no_gpu(script: Script) -> None:
    async def test() -> None:
        async with engine(script(prefill_ms={"": MINUTE})) as e:
            answer = await soon(e.say())
            e.load(script("next", gpu="CUDA0 RTX", dies_on_gpu=True))
            assert (await answer)[1].why_stopped == "cancelled"
            await e.ready()
            assert State.DOWN not in e.states

    run(test())


def test_another_wish_for_layers_tries_the_gpu_again(script: Script) -> None:
    async def test() -> None:
        async with engine(script(gpu="CUDA0 RTX", dies_on_gpu=True)) as e:
            spec = replace(script(gpu="CUDA0 RTX"), gpu_layers=20)
            e.load(spec)
            assert (await e.ready()).plan == ()
            assert e.status.gpu == "CUDA0 RTX"

    run(test())


def test_a_model_that_has_worked_on_a_gpu_stays_there(script: Script) -> None:
    async def test() -> None:
        async with engine(script(gpu="CUDA0 RTX")) as e:
            await e.say()
            await _kill(e)
            await e.until_state(State.READY)
            assert e.status.gpu == "CUDA0 RTX"
            assert not any(status.notice for status in e.told)

    run(test())


def test_a_model_that_dies_on_the_cpu_as_well_is_down(script: Script) -> None:
    async def test() -> None:
        async with engine(script(gpu="CUDA0 RTX", dies_loading=True), is_ready=False) as e:
            with pytest.raises(EngineDown, match=r"exit code 11\) as it loaded model\.json: fetch"):
                await e.ready()
            assert len({status.notice for status in e.told if status.notice}) == 1

    run(test())


class _Delays:
    """Writes down how long the client means to wait between restarts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[float] = []
        wait_for = asyncio.wait_for

        async def noting(awaitable: Any, delay_s: float) -> Any:
            if delay_s in DELAYS_S:
                self.found.append(delay_s)
            return await wait_for(awaitable, delay_s)

        monkeypatch.setattr(process.asyncio, "wait_for", noting)


def test_a_crash_on_each_load_backs_off_and_recovers(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    delays = _Delays(monkeypatch)

    async def test() -> None:
        monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: 0.0))  # it never lives long
        async with engine(script(dies_loading=True), is_ready=False) as e:
            with pytest.raises(EngineDown, match=r"exit code 11.*model\.json"):
                await e.ready()
            await e.until(lambda: len(delays.found) >= 5)
            script()
            await e.until_state(State.READY)
            assert (await e.say())[0] == "x + 1\n"

    run(test())
    assert delays.found[:5] == [*DELAYS_S, DELAYS_S[-1]]


def test_an_engine_that_lived_long_is_restarted_at_once(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    delays = _Delays(monkeypatch)

    async def test() -> None:
        times = itertools.count(0, 100)
        monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: next(times)))
        async with engine(script()) as e:
            for _ in range(3):
                await _kill(e)
                await e.until_state(State.READY)

    run(test())
    assert delays.found == [DELAYS_S[0]] * 3


def test_another_model_does_not_wait_for_the_one_that_kills(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_DELAY_S", 3600.0)

    async def test() -> None:
        async with engine(script(dies_loading=True), is_ready=False) as e:
            with pytest.raises(EngineDown, match=r"as it loaded model\.json: fetch the model again in case it is dam"):
                await e.ready()
            e.load(replace(script(), threads=2))
            await e.until_state(State.READY)
            assert (await e.say())[0] == "x + 1\n"

    run(test())


def test_an_abort_of_the_library_writes_no_backtrace(script: Script) -> None:
    async def test() -> None:
        async with engine(script()) as e:
            assert b"GGML_NO_BACKTRACE=1" in Path(f"/proc/{e.pid}/environ").read_bytes().split(b"\0")

    run(test())


def test_a_process_that_cannot_be_started_is_tried_again(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    spawn, n_failed = process.spawn, 0

    async def failing(*arguments: Any) -> Any:
        nonlocal n_failed
        if n_failed < 3:
            n_failed += 1
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return await spawn(*arguments)

    async def test() -> None:
        async with engine(script()) as e:
            monkeypatch.setattr(process, "spawn", failing)
            await _kill(e)
            await e.until_state(State.READY)
            assert n_failed == 3
            assert any("cannot be started (Resource" in status.message for status in e.told)
            assert (await e.say())[0] == "x + 1\n"

    run(test())


def test_stopping_while_it_waits_to_restart(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_DELAY_S", 3600.0)

    async def test() -> None:
        async with engine(script()) as e:
            await _kill(e)
        assert e.told[-1].state is State.DOWN

    run(test())
