"""A runtime and a scripted model that has to be checked: what is told, when it serves, what is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from engines import MINUTE, run
from helpers import site

from codels import verdicts
from codels.cancel import CancelToken
from codels.core import Answer
from codels.engine.client import State, Status
from codels.examination import CHECKING
from codels.prompt import Order
from codels.runtime import Runtime
from codels.settings import Settings

SPM = "<|fim_prefix|><|fim_suffix|>…<|fim_middle|>…"
PSM = "<|fim_prefix|>…<|fim_suffix|>…<|fim_middle|>"
GOOD, BAD = [-0.1, -0.1], [-5.0, -9.0]
BLIND: dict[str, Any] = {"": BAD}

Write = Callable[..., str]


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where verdicts are kept in this test."""
    folder = tmp_path / "cache" / "verdicts"
    monkeypatch.setattr(verdicts, "folder", lambda: folder)
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_(name: str, scores: dict[str, Any] | None = None, **fields: Any) -> str:
        script = {"answers": {"": "1\n"}, "scores": {**BLIND, **(scores or {})}, **fields}
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(script), "utf-8")
        return str(path)

    return write_


class Watched(Runtime):
    """A runtime that remembers what it said."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.statuses: list[Status] = []
        super().__init__(self.statuses.append, self.told.append)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await asyncio.sleep(0.005)

    async def say(self) -> Answer:
        return await self.complete(site("x = ‸\ny = 2\n"), True, CancelToken())


@asynccontextmanager
async def watched(model: str) -> AsyncIterator[Watched]:
    runtime = Watched()
    await runtime.start()
    try:
        runtime.configure(Settings(model=model))
        yield runtime
    finally:
        await runtime.stop()


def used(runtime: Runtime) -> tuple[str, Order]:
    assert runtime.model
    return runtime.model.family.name, runtime.model.order


FOUND = [
    # what is likely, the script's other fields, the family and order that are used, words of the notice
    ({SPM: GOOD}, {}, ("codels", Order.SPM), ""),
    ({SPM: GOOD, PSM: GOOD}, {}, ("codels", Order.SPM), ""),
    (
        {PSM: GOOD},
        {},
        ("codels", Order.PSM),
        "its card says suffix first, but it fills in the middle better prefix first",
    ),
    ({}, {}, ("plain", Order.PSM), "its fill-in-the-middle markers exist but were never trained: choose another model"),
    ({}, {"chat_template": True}, ("plain", Order.PSM), "an instruct variant that lost fill-in-the-middle"),
    (
        {"<|fim_suffix|><|fim_prefix|>…<|fim_middle|>…": GOOD},
        {},
        ("plain", Order.PSM),
        "its markers for prefix and suffix are swapped, so the file was converted wrongly",
    ),
    (
        {"<[fim-suffix]>…<[fim-prefix]>…<[fim-middle]>": GOOD},
        {},
        ("seed-coder", Order.SPM),
        "its card says family codels, but it fills in the middle as family seed-coder, suffix first",
    ),
]


@pytest.mark.parametrize(("scores", "fields", "use", "notice"), FOUND)
def test_what_is_found_is_used_and_told_once(
    write: Write, scores: dict[str, Any], fields: dict[str, Any], use: tuple[str, Order], notice: str
) -> None:
    async def test() -> None:
        async with watched(write("m", scores, **fields)) as runtime:
            await runtime.ready()
            assert used(runtime) == use
            assert [notice in sentence for sentence in runtime.told] == [True] * bool(notice)
            assert (await runtime.say()).completions

    run(test())


def test_until_then_there_is_no_model_and_the_reason_is_said(write: Write) -> None:
    async def test() -> None:
        async with watched(write("m", {SPM: GOOD}, score_ms=10)) as runtime:
            await runtime.until(lambda: runtime.status.message == CHECKING)
            assert (runtime.model, runtime.status.state) == (None, State.LOADING)
            assert (await runtime.say()).reason == CHECKING
            await runtime.ready()
            fractions = [status.fraction for status in runtime.statuses if status.message == CHECKING]
            assert fractions == sorted(fractions)
            assert len(set(fractions)) > 8
            assert runtime.statuses[-1].state is State.READY
            states = [status.state for status in runtime.statuses]
            assert states.index(State.READY) == len(states) - 1

    run(test())


def test_a_model_is_asked_once(write: Write, kept: Path) -> None:
    async def test() -> None:
        path = write("m", {PSM: GOOD})
        async with watched(path) as runtime:
            await runtime.ready()
            await runtime._serving._examiner.wait()
        assert len(list(kept.glob("*"))) == 2  # the verdict, and the hash of the file
        async with watched(path) as again:
            await again.ready()
            assert used(again) == ("codels", Order.PSM)
            assert CHECKING not in [status.message for status in again.statuses]
            assert again.told == runtime.told

    run(test())


def test_another_file_in_its_place_is_asked_anew(write: Write) -> None:
    async def test() -> None:
        for scores, order in (({PSM: GOOD}, Order.PSM), ({SPM: GOOD}, Order.SPM)):
            async with watched(write("m", scores)) as runtime:
                await runtime.ready()
                assert used(runtime) == ("codels", order)

    run(test())


def test_another_load_ends_the_check(write: Write, kept: Path) -> None:
    async def test() -> None:
        async with watched(write("slow", {}, score_ms=MINUTE)) as runtime:
            await runtime.until(lambda: runtime.status.message == CHECKING)
            runtime.configure(Settings(model=write("quick", {SPM: GOOD})))
            await runtime.ready()
            assert runtime.card
            assert (runtime.card.id, used(runtime)) == ("quick.json", ("codels", Order.SPM))
            assert runtime.told == []
            await runtime._serving._examiner.wait()
        assert len(list(kept.glob("*-*.json"))) <= 3

    run(test())


def test_a_model_that_dies_of_the_check_is_believed_next_time(write: Write) -> None:
    async def test() -> None:
        async with watched(write("m", {}, score_ms=MINUTE)) as runtime:
            await runtime.until(lambda: runtime.status.message == CHECKING)
            assert runtime.engine._process
            runtime.engine._process.kill()
            await runtime.until(lambda: runtime.status.state is State.READY)
            assert used(runtime) == ("codels", Order.SPM)

    run(test())


def test_what_cannot_be_scored_is_believed(write: Write) -> None:
    async def test() -> None:
        async with watched(write("m", {"": ["nonsense"]})) as runtime:
            await runtime.ready()
            assert used(runtime) == ("codels", Order.SPM)

    run(test())


def test_a_mistake_of_ours_costs_the_check_and_not_the_model(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_arguments: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("codels.examination.probe", broken)

    async def test() -> None:
        async with watched(write("m", {PSM: GOOD})) as runtime:
            await runtime.ready()
            assert used(runtime) == ("codels", Order.SPM)

    run(test())


def test_stopping_ends_the_check(write: Write) -> None:
    async def test() -> None:
        async with watched(write("m", {}, score_ms=MINUTE)) as runtime:
            await runtime.until(lambda: runtime.status.message == CHECKING)
        assert not runtime._serving._examiner.is_busy

    run(test())


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"verdict": 5}', '{"verdict": {"finding": "x"}}', "\udc80"]
)
def test_a_broken_record_is_no_record(write: Write, kept: Path, content: str) -> None:
    async def test() -> None:
        path = write("m", {PSM: GOOD})
        async with watched(path) as runtime:
            await runtime.ready()
            await runtime._serving._examiner.wait()
        for record in kept.glob("*"):
            record.write_bytes(content.encode("utf-8", "surrogateescape"))
        async with watched(path) as again:
            await again.ready()
            assert used(again) == ("codels", Order.PSM)

    run(test())


def test_where_nothing_can_be_kept_it_works_all_the_same(write: Write, kept: Path) -> None:
    async def test() -> None:
        kept.parent.write_text("a file where the folder would be")
        async with watched(write("m", {PSM: GOOD})) as runtime:
            await runtime.ready()
            assert used(runtime) == ("codels", Order.PSM)

    run(test())
