"""Vectors through the engine: in order, cancelled, refused, and when the engine dies."""

from __future__ import annotations

import asyncio
import math

import pytest
from engines import MINUTE, Script, engine, run, soon

from codels.cancel import CancelToken
from codels.errors import Cancelled, EngineDown, PromptTooLong


def test_a_vector_for_each_text_in_order(script: Script) -> None:
    async def test() -> None:
        async with engine(script()) as e:
            one = await e.embed(("import os",), CancelToken())
            other = await e.embed(("日本 \ud800\n",), CancelToken())
            assert await e.embed(("import os", "日本 \ud800\n"), CancelToken()) == one + other
            assert await e.embed((), CancelToken()) == ()
            assert math.hypot(*one[0]) == pytest.approx(1.0)
            assert one != other

    run(test())


def test_what_goes_wrong_is_raised_and_the_next_one_answered(script: Script) -> None:
    async def test() -> None:
        async with engine(script(prefill_ms={"slow": MINUTE})) as e:
            with pytest.raises(PromptTooLong):
                await e.embed(("x", "x" * 5000), CancelToken())
            cancel = CancelToken()
            slow = await soon(e.embed(("x", "slow"), cancel))
            await asyncio.sleep(0.02)
            cancel.cancel()
            with pytest.raises(Cancelled):
                await slow
            assert await e.embed(("x",), CancelToken())
            assert e.n_waiting == 0

    run(test())


def test_keys_are_answered_after_it_and_do_not_cancel_it(script: Script) -> None:
    async def test() -> None:
        async with engine(script()) as e:
            vectors = await soon(e.embed(("x",) * 100, CancelToken()))
            assert (await e.say())[0]
            assert len(await vectors) == 100

    run(test())


def test_the_engine_s_death_is_told(script: Script) -> None:
    async def test() -> None:
        async with engine(script(prefill_ms={"slow": MINUTE})) as e:
            slow = await soon(e.embed(("slow",), CancelToken()))
            assert e._process is not None
            e._process.kill()
            with pytest.raises(EngineDown, match="died"):
                await slow

    run(test())
