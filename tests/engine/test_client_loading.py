"""Loading, loading something else, and the end."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest
from engines import MINUTE, Script, engine, gone, run, soon

from codels.backends import LoadSpec
from codels.engine import process
from codels.engine.client import State
from codels.errors import EngineDown
from codels.machine import DeviceKind


def test_before_anything_is_loaded(script: Script) -> None:
    async def test() -> None:
        async with engine() as e:
            with pytest.raises(EngineDown, match="starting"):
                await e.say()
            e.load(script(load_ms=MINUTE))
            with pytest.raises(EngineDown, match=r"loading model\.json"):
                await e.say()

    run(test())


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (LoadSpec("fake", "/nowhere/model.json"), "/nowhere/model.json"),
        (LoadSpec("llama.cpp", "/nowhere/model.gguf"), "/nowhere/model.gguf"),
        (LoadSpec("onnx", "model"), "there is no backend 'onnx'"),
    ],
)
def test_a_load_that_fails_says_why_and_another_one_works(script: Script, spec: LoadSpec, words: str) -> None:
    async def test() -> None:
        async with engine(spec, is_ready=False) as e:
            with pytest.raises(EngineDown) as caught:
                await e.ready()
            assert words in str(caught.value)
            assert e.status.state is State.FAILED
            with pytest.raises(EngineDown):
                await e.say()
            e.load(script())
            await e.ready()
            assert (await e.say())[0] == "x + 1\n"

    run(test())


def test_devices_are_told_before_any_load_after_a_failed_one_and_never_by_a_dead_engine(script: Script) -> None:
    pytest.importorskip("llama_cpp")

    async def test() -> None:
        async with engine() as e:
            before = await e.devices()
            assert DeviceKind.CPU in {device.kind for device in before.devices}
            e.load(LoadSpec("fake", "/nowhere/model.json"))
            await e.until_state(State.FAILED)
            assert [d.name for d in (await e.devices()).devices] == [d.name for d in before.devices]
            e.load(script())
            await e.ready()
            assert (await e.devices()).problem == before.problem
            await e.stop()
            with pytest.raises(EngineDown, match="stopped"):
                await e.devices()

    run(test())


def test_a_failed_load_leaves_no_former_model_behind(script: Script) -> None:
    async def test() -> None:
        async with engine(script()) as e:
            e.load(LoadSpec("fake", "/nowhere/model.json"))
            await e.until_state(State.FAILED)
            with pytest.raises(EngineDown, match="nowhere"):
                await e.say()

    run(test())


def test_a_newer_load_ends_the_one_that_is_under_way(script: Script) -> None:
    async def test() -> None:
        async with engine(script("slow", load_ms=MINUTE), is_ready=False) as e:
            await e.until(lambda: any(status.fraction for status in e.told))
            e.load(script("quick", answers={"": "quick"}))
            await e.ready()
            assert (await e.say())[0] == "quick"
            assert State.FAILED not in e.states

    run(test())


def test_a_load_ends_the_answers_of_the_former_model(script: Script) -> None:
    async def test() -> None:
        async with engine(script("slow", prefill_ms={"": MINUTE})) as e:
            answer = await soon(e.say())
            e.load(script("quick", answers={"": "quick"}))
            assert (await answer)[1].why_stopped == "cancelled"
            await e.ready()
            assert (await e.say())[0] == "quick"

    run(test())


def test_progress_is_told_while_a_model_loads(script: Script) -> None:
    async def test() -> None:
        async with engine(script(load_ms=50)) as e:
            fractions = [status.fraction for status in e.told]
            assert fractions == sorted(fractions)
            assert fractions[-1] == 1.0

    run(test())


@pytest.mark.parametrize("fields", [{}, {"prefill_ms": {"": MINUTE}}, {"load_ms": MINUTE}])
@pytest.mark.parametrize("is_frozen", [False, True])
def test_stopping_ends_the_process_idle_busy_loading_or_frozen(
    script: Script, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], is_frozen: bool
) -> None:
    if is_frozen:
        monkeypatch.setattr(process, "GRACE_S", 0.05)

    async def test() -> None:
        async with engine(script(**fields), is_ready=False) as e:
            answer = None
            if "load_ms" not in fields:
                await e.ready()
                answer = await soon(e.say())
            pid = e.pid
            assert pid
            if is_frozen:
                os.kill(pid, signal.SIGSTOP)
            await e.stop()
            await gone(pid)
            if answer and fields:
                with pytest.raises(EngineDown, match="stopped"):
                    await answer
            elif answer:
                await asyncio.gather(answer, return_exceptions=True)

    run(test())


def test_the_host_ends_with_its_input(script: Script) -> None:
    """A killed editor's side closes the pipe; nothing else tells the engine."""

    async def test() -> None:
        async with engine(script(prefill_ms={"": MINUTE})) as e:
            answer = await soon(e.say())
            await asyncio.sleep(0.02)
            pid = e.pid
            assert pid
            assert e._process
            assert e._process.stdin
            e._process.stdin.close()
            await gone(pid)
            with pytest.raises(EngineDown, match="exit code 0"):
                await answer

    run(test())
