"""Several models within a memory budget: one engine each, shared, kept while in use, the least recently used ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from engines import MINUTE, Engine, Script, gone, run

from codels.backends import LoadSpec
from codels.dispatch.loading import Load
from codels.dispatch.pool import Pool
from codels.errors import EngineDown, UserError
from codels.registry import store


class Watched(Pool):
    """Remembers the engines that it made."""

    def __init__(self) -> None:
        self.engines: list[Engine] = []
        super().__init__(self._make)

    def _make(self) -> Engine:
        self.engines.append(Engine())
        return self.engines[-1]

    @property
    def names(self) -> list[str]:
        return [Path(load.spec.path).stem for load in self.loaded]


def loads(spec: LoadSpec) -> Load:
    return Load(store.find(spec.path), spec, Path(spec.path).stat().st_mtime_ns)


@asynccontextmanager
async def pooled() -> AsyncIterator[Watched]:
    pool = Watched()
    try:
        yield pool
    finally:
        pids = [engine.pid for engine in pool.engines if engine.pid]
        await pool.stop()
        await asyncio.gather(*map(gone, pids))


def test_a_model_is_loaded_once_for_all_who_use_it(script: Script) -> None:
    async def test() -> None:
        async with pooled() as pool:
            load = loads(script("a", answers={"": "a"}))

            async def say() -> str:
                async with pool.use(load, 1, 1) as engine:
                    assert isinstance(engine, Engine)
                    return (await engine.say())[0]

            assert await asyncio.gather(say(), say(), say()) == ["a"] * 3
            assert await say() == "a"
            assert len(pool.engines) == 1

    run(test())


def test_the_least_recently_used_goes_first(script: Script) -> None:
    async def test() -> None:
        async with pooled() as pool:
            a, b, c = (loads(script(name, answers={"": name})) for name in "abc")
            for load in (a, b, a, c):
                async with pool.use(load, 10, 20) as engine:
                    assert isinstance(engine, Engine)
                    assert (await engine.say())[0] == Path(load.spec.path).stem
            assert pool.names == ["a", "c"]
            assert pool.engines[1].pid
            await gone(pool.engines[1].pid)
            async with pool.use(b, 20, 20):
                assert pool.names == ["b"]

    run(test())


def test_a_model_in_use_is_not_ended_for_another(script: Script) -> None:
    async def test() -> None:
        async with pooled() as pool:
            a, b = loads(script("a")), loads(script("b"))
            async with pool.use(a, 1_500_000, 2_000_000) as engine:
                sentence = (
                    r"b.json needs 1.5 MB, and 0.5 MB of the memory for models are not in use: raise codels.memory"
                )
                with pytest.raises(UserError, match=sentence):
                    async with pool.use(b, 1_500_000, 2_000_000):
                        pass
                assert isinstance(engine, Engine)
                assert (await engine.say())[0] == "x + 1\n"
            async with pool.use(b, 1_500_000, 2_000_000):
                assert pool.names == ["b"]

    run(test())


def test_one_that_cannot_be_loaded_is_said_and_gone(script: Script) -> None:
    async def test() -> None:
        async with pooled() as pool:
            bad = loads(script("bad", answers=7))
            with pytest.raises(EngineDown, match=r"bad.json must be an object"):
                async with pool.use(bad, 1, 1):
                    pass
            assert pool.loaded == ()
            good = loads(script("bad", answers={"": "good"}))
            async with pool.use(good, 1, 1) as engine:
                assert isinstance(engine, Engine)
                assert (await engine.say())[0] == "good"

    run(test())


def test_who_stops_waiting_for_a_load_leaves_nothing(script: Script) -> None:
    async def test() -> None:
        async with pooled() as pool:
            slow = loads(script("slow", load_ms=MINUTE))

            async def use() -> None:
                async with pool.use(slow, 1, 1):
                    raise AssertionError("it takes a minute")

            task = asyncio.create_task(use())
            while not (pool.engines and pool.engines[0].pid):
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert pool.loaded == ()
            assert pool.engines[0].pid
            await gone(pool.engines[0].pid)

    run(test())


def test_a_file_that_was_changed_is_loaded_anew(script: Script) -> None:
    async def test() -> None:
        async with pooled() as pool:
            for name in ("old", "new"):
                load = loads(script("a", answers={"": name}))
                async with pool.use(load, 10, 10) as engine:
                    assert isinstance(engine, Engine)
                    assert (await engine.say())[0] == name

    run(test())


def test_a_pool_that_stops_while_a_model_is_in_use(script: Script) -> None:
    async def test() -> None:
        async with pooled() as pool:
            async with pool.use(loads(script("a")), 1, 1) as engine:
                await pool.stop()
                assert engine.status.message == "the engine was stopped"
            assert pool.loaded == ()

    run(test())


def test_an_engine_that_cannot_be_started_is_said(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_self: Engine) -> None:
        raise OSError(12, "Cannot allocate memory")

    async def test() -> None:
        async with pooled() as pool:
            monkeypatch.setattr(Engine, "start", refuse)
            with pytest.raises(EngineDown, match=r"cannot be started \(Cannot allocate memory\)"):
                async with pool.use(loads(script("a")), 1, 1):
                    pass
            assert pool.loaded == ()

    run(test())
