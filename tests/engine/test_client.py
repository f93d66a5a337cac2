"""The engine as the editor's process sees it: answers, errors, cancelling."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engines import MINUTE, Engine, Script, engine, run, soon

from codels.backends import Score
from codels.cancel import CancelToken
from codels.engine.client import State
from codels.errors import Cancelled, EngineDown, ModelError, PromptTooLong
from codels.generation import Part, Prompt, SamplingParams


def test_an_answer(script: Script) -> None:
    async def test() -> None:
        async with engine(script(), is_ready=False) as e:
            assert (await e.ready()).description == "scripted"
            text, stats = await e.say()
            assert (text, stats.n_prompt, stats.why_stopped) == ("x + 1\n", 4, "end")
            assert e.states == [State.LOADING, State.READY]
            assert e.n_waiting == 0

    run(test())


def test_text_arrives_as_it_was_sent(script: Script) -> None:
    odd = "naïve 日本 😀\t\f\u2028\0\n"

    async def test() -> None:
        async with engine(script(answers={"": odd, "\udc80é": "seen"})) as e:
            assert (await e.say())[0] == odd
            assert (await e.say("x\udc80é"))[0] == "seen"

    run(test())


def test_many_answers_at_once_do_not_mix(script: Script) -> None:
    async def test() -> None:
        answers = {f"={n}=": f"answer {n}" for n in range(20)}
        async with engine(script(answers=answers)) as e:
            said = await asyncio.gather(*(e.say(f"={n}=") for n in range(20)))
            assert [text for text, _ in said] == list(answers.values())

    run(test())


@pytest.mark.parametrize(
    ("prompt", "error", "words"),
    [
        (Prompt((Part("x" * 5000),)), PromptTooLong, "5000 tokens, at most 1984"),
        (Prompt((Part("<|nowhere|>", special=True),)), ModelError, "no special token '<|nowhere|>'"),
    ],
)
def test_what_the_backend_raises(script: Script, prompt: Prompt, error: type[Exception], words: str) -> None:
    async def test() -> None:
        async with engine(script()) as e:
            with pytest.raises(error) as caught:
                async for _ in e.generate(prompt, SamplingParams(), CancelToken(), True):
                    pass
            assert words in str(caught.value)
            assert (await e.say())[0] == "x + 1\n"

    run(test())


@pytest.mark.parametrize("fields", [{"prefill_ms": {"": MINUTE}}, {"step_ms": 5, "answers": {"": "x\n" * 1000}}])
def test_cancelled_inside_the_prefill_and_between_tokens(script: Script, fields: dict[str, Any]) -> None:
    async def test() -> None:
        async with engine(script(**fields)) as e:
            cancel = CancelToken()
            answer = await soon(e.say(cancel=cancel, max_tokens=1500))
            await asyncio.sleep(0.02)
            cancel.cancel()
            text, stats = await answer
            assert stats.why_stopped == "cancelled"
            assert len(text) < 2000
            assert e.n_waiting == 0

    run(test())


def test_cancelled_before_it_is_sent(script: Script) -> None:
    async def test() -> None:
        async with engine(script(prefill_ms={"": MINUTE})) as e:
            cancel = CancelToken()
            cancel.cancel()
            text, stats = await e.say(cancel=cancel)
            assert (text, stats.why_stopped) == ("", "cancelled")

    run(test())


def test_cancelled_from_another_thread(script: Script) -> None:
    async def test() -> None:
        async with engine(script(prefill_ms={"": MINUTE})) as e:
            cancel = CancelToken()
            answer = await soon(e.say(cancel=cancel))
            await asyncio.to_thread(cancel.cancel)
            assert (await answer)[1].why_stopped == "cancelled"

    run(test())


SCORES = {"scores": {"": [-0.5, -2.0]}}
PROMPT = Prompt((Part("x"),))


def test_scores_wait_for_their_turn_and_are_never_dropped(script: Script) -> None:
    async def test() -> None:
        async with engine(script(step_ms=1, **SCORES)) as e:
            scores = [await soon(e.score(PROMPT, "ab", CancelToken())) for _ in range(3)]
            keys = [await soon(_keystroke(e)) for _ in range(3)]
            assert await asyncio.gather(*scores) == [Score((-0.5, -0.5), -2.0)] * 3
            await asyncio.gather(*keys)
            assert e.n_waiting == 0

    run(test())


async def _keystroke(e: Engine) -> None:
    async for _ in e.generate(PROMPT, SamplingParams(), CancelToken(), is_explicit=False):
        pass


def test_a_score_can_be_cancelled_by_its_token_and_by_another_load(script: Script) -> None:
    async def test() -> None:
        async with engine(script(score_ms=MINUTE, **SCORES)) as e:
            cancel = CancelToken()
            score = await soon(e.score(PROMPT, "ab", cancel))
            await asyncio.sleep(0.02)
            cancel.cancel()
            with pytest.raises(Cancelled):
                await score
            score = await soon(e.score(PROMPT, "ab", CancelToken()))
            await asyncio.sleep(0.02)
            e.load(script("other"))
            with pytest.raises(Cancelled):
                await score
            await e.ready()
            e.load(script("third", load_ms=MINUTE))
            with pytest.raises(EngineDown, match="loading"):
                await e.score(PROMPT, "ab", CancelToken())

    run(test())


def test_leaving_early_frees_the_engine(script: Script) -> None:
    """The next answer comes although the first would have taken a minute."""

    async def test() -> None:
        async with engine(script(answers={"": "a\n" * 500, "quick": "done"}, step_ms=60)) as e:
            steps = e.generate(Prompt((Part("x"),)), SamplingParams(1000), CancelToken(), True)
            assert (await anext(steps)).text
            await steps.aclose()  # type: ignore[attr-defined]
            assert (await e.say("quick"))[0] == "done"
            assert e.n_waiting == 0

    run(test())


def test_a_reader_that_is_cancelled_frees_the_engine(script: Script) -> None:
    async def test() -> None:
        async with engine(script(answers={"": "a\n" * 500, "quick": "done"}, step_ms=60)) as e:
            reader = await soon(e.say("x", max_tokens=1000))
            await asyncio.sleep(0.02)
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
            assert (await e.say("quick"))[0] == "done"
            assert e.n_waiting == 0

    run(test())


def test_unknown_operations_and_garbage_on_the_wire_do_not_end_the_client(script: Script) -> None:
    async def test() -> None:
        async with engine(script()) as e:
            for garbage in ({"op": "sing", "id": 7_000}, {"op": "generate", "id": 7_001}, {"op": "cancel", "id": 9}):
                e._send(garbage)
            assert (await e.say())[0] == "x + 1\n"
            assert e.states[-1] is State.READY

    run(test())
