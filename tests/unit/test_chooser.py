"""When the machine is asked, how often, and what becomes of an answer that does not come; and what `hardware` finds."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import psutil
import pytest

from codels import hardware
from codels.core import Role
from codels.dispatch import chooser as module
from codels.dispatch import selection as selections
from codels.dispatch.chooser import Chooser
from codels.dispatch.selection import Selection
from codels.errors import EngineDown
from codels.machine import Device, DeviceKind, Devices
from codels.registry import store
from codels.registry.card import ModelCard, ModelFile
from codels.registry.installed import Candidate
from codels.settings import Settings

GPU = Devices((Device("CUDA0", DeviceKind.GPU, "RTX", "CUDA", 8_000_000_000, 8_000_000_000),))
NO_GPU = Devices((), "a GPU is there, and this llama.cpp was built without CUDA")


def candidate(id_: str, n_bytes: int) -> Candidate:
    return Candidate(ModelCard(id_, "llama.cpp", (ModelFile("m.gguf"),)), n_bytes, n_bytes)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[Candidate]:
    """The models on this machine."""
    found = [candidate("tiny", 10_000_000)]
    monkeypatch.setattr(selections.installed, "candidates", lambda: tuple(found))
    monkeypatch.setattr(selections.choices, "read", lambda: ({}, ""))
    monkeypatch.setattr(store, "user_cards", lambda: ({}, ()))
    return found


class Heard:
    """A chooser, how often the devices were asked for, and what was selected."""

    def __init__(self, devices: Callable[[], Awaitable[Devices]]) -> None:
        self.n_asked = 0
        self.selections: list[Selection] = []
        self.chooser = Chooser(self._ask, self.selections.append)
        self._devices = devices

    async def _ask(self) -> Devices:
        self.n_asked += 1
        return await self._devices()

    async def choose(self) -> list[str]:
        """The completion's model in each selection, "" where it was left open."""
        self.selections.clear()
        self.chooser.choose(Settings())
        await self.chooser.settled()
        found = [selection.choices.get(Role.COMPLETION) for selection in self.selections]
        return [choice.card.id if choice and choice.card else "" for choice in found]


async def _gpu() -> Devices:
    return GPU


def test_with_the_built_in_model_alone_nobody_is_asked(here: list[Candidate]) -> None:
    async def test() -> None:
        heard = Heard(_gpu)
        assert await heard.choose() == ["tiny"]
        assert (heard.n_asked, len(here)) == (0, 1)

    asyncio.run(test())


def test_the_devices_are_asked_for_once_and_what_cannot_be_loaded_gives_way(here: list[Candidate]) -> None:
    here += [candidate("six", 6_000_000_000), candidate("five", 5_000_000_000)]

    async def test() -> None:
        heard = Heard(_gpu)
        assert await heard.choose() == ["", "six"]
        assert await heard.choose() == ["six"]
        for _ in range(2):
            heard.chooser.give_up(heard.selections[-1].choices[Role.COMPLETION], "it is cut")
        assert heard.selections[-1].choices[Role.COMPLETION].rejected["six"] == "it is cut"
        assert heard.selections[-1].choices[Role.COMPLETION].card == here[0].card
        heard.chooser.refresh()
        assert heard.selections[-1].choices[Role.COMPLETION].card == here[1].card
        assert heard.n_asked == 1

    asyncio.run(test())


def test_a_gpu_that_cannot_be_used_is_told_and_the_cpu_serves(here: list[Candidate]) -> None:
    here.append(candidate("six", 6_000_000_000))

    async def no_gpu() -> Devices:
        return NO_GPU

    async def test() -> None:
        heard = Heard(no_gpu)
        assert await heard.choose() == ["", "tiny"]
        assert heard.selections[-1].notices == [NO_GPU.problem]

    asyncio.run(test())


def test_gpus_that_an_engine_died_of_are_left_out_until_other_layers_are_wanted(here: list[Candidate]) -> None:
    here += [candidate("six", 6_000_000_000), candidate("half", 400_000_000)]

    async def test() -> None:
        heard = Heard(_gpu)
        assert await heard.choose() == ["", "six"]
        heard.chooser.leave_gpus()
        assert heard.selections[-1].choices[Role.COMPLETION].way == "cpu"
        heard.chooser.choose(Settings(gpu_layers=20))
        assert heard.selections[-1].choices[Role.COMPLETION].card == here[1].card

    asyncio.run(test())


def test_who_leaves_the_gpus_out_needs_no_word_of_them(here: list[Candidate]) -> None:
    here.append(candidate("six", 6_000_000_000))

    async def test() -> None:
        heard = Heard(_never)
        heard.chooser.choose(Settings(gpu_layers=0))
        assert heard.selections[-1].choices[Role.COMPLETION].card == here[0].card
        assert heard.n_asked == 0

    asyncio.run(test())


async def _never() -> Devices:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


async def _down() -> Devices:
    raise EngineDown("the engine died (signal 9)")


@pytest.mark.parametrize("devices", [_never, _down])
def test_an_engine_that_does_not_say_is_asked_again_the_next_time(
    here: list[Candidate], monkeypatch: pytest.MonkeyPatch, devices: Callable[[], Awaitable[Devices]]
) -> None:
    here.append(candidate("six", 6_000_000_000))
    monkeypatch.setattr(module, "DEVICES_S", 0.01)

    async def test() -> None:
        heard = Heard(devices)
        assert await heard.choose() == ["", "tiny"]
        assert await heard.choose() == ["", "tiny"]
        assert heard.n_asked == 2

    asyncio.run(test())


def test_the_watch_outlives_what_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = itertools.count()
    heard: list[int] = []

    def changed() -> None:
        heard.append(len(heard))
        if len(heard) == 1:
            raise RecursionError

    monkeypatch.setattr(module, "WATCH_S", 0.001)
    monkeypatch.setattr(module.choices, "stamp", lambda: next(stamps))

    async def test() -> None:
        watching = asyncio.create_task(module.watch(changed))
        while len(heard) < 3:
            await asyncio.sleep(0.001)
        watching.cancel()

    asyncio.run(asyncio.wait_for(test(), 10))


class _Battery:
    def __init__(self, power_plugged: bool | None) -> None:
        self.power_plugged = power_plugged


BATTERIES = [(None, False), (_Battery(None), False), (_Battery(True), False), (_Battery(False), True)]


@pytest.mark.parametrize(("battery", "is_on_battery"), BATTERIES)
def test_the_battery(monkeypatch: pytest.MonkeyPatch, battery: Any, is_on_battery: bool) -> None:
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    assert hardware.measure().is_on_battery is is_on_battery


def test_this_machine() -> None:
    machine = hardware.measure(3, GPU)
    assert (machine.threads, machine.devices) == (3, GPU)
    assert 0 < machine.free_bytes <= machine.total_bytes
    assert hardware.measure().threads == hardware.threads() >= 1


def test_a_system_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError("no /proc here")

    monkeypatch.setattr(psutil, "virtual_memory", refuse)
    monkeypatch.setattr(hardware, "_table", lambda _path: {})
    monkeypatch.setattr(hardware, "_number", lambda _path: 0)
    machine = hardware.measure(1)
    assert (machine.total_bytes, machine.free_bytes, machine.is_on_battery) == (0, 0, False)


CONTAINERS = [
    # the machine's free and total GB, the container's limit, use and files in its memory, what there is for models
    ((20, 32), (8, 6, 4), (6, 8)),
    ((3, 32), (8, 1, 0), (3, 8)),
    ((20, 32), (64, 1, 0), (20, 32)),
    ((20, 32), (0, 0, 0), (20, 32)),
    ((0, 0), (8, 2, 1), (7, 8)),
]


@pytest.mark.parametrize(("machine", "container", "found"), CONTAINERS)
def test_a_container_has_less_memory_than_its_machine(
    monkeypatch: pytest.MonkeyPatch, machine: tuple[int, int], container: tuple[int, int, int], found: tuple[int, int]
) -> None:
    limit, used, in_files = container
    numbers = {"/sys/fs/cgroup/memory.max": limit, "/sys/fs/cgroup/memory.current": used}
    monkeypatch.setattr(hardware, "_ram", lambda: machine)
    monkeypatch.setattr(hardware, "_number", numbers.__getitem__)
    monkeypatch.setattr(hardware, "_table", lambda _path: {"inactive_file": in_files})
    assert hardware.free_ram() == found
