"""The way of a keystroke, with an engine that says what a row scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

import pytest

from codels.cancel import CancelToken
from codels.completion import Completer
from codels.core import Answer, Site
from codels.errors import EngineDown, PromptTooLong
from codels.gate import Eagerness, Gate
from codels.generation import Prompt, SamplingParams, Stats, Step
from codels.prompt import Order, budget
from codels.prompt.families import FAMILIES
from codels.request import Model, Request
from codels.settings import Settings
from tests.helpers import site

MODEL = Model("m", FAMILIES["codels"], Order.SPM, 512, frozenset({"python"}))


@dataclass
class ScriptedEngine:
    """Says `words`, one step each; a word that is an error is raised."""

    words: list[str | Exception]
    why: str = "end"
    prompts: list[Prompt] = field(default_factory=list)
    params: list[SamplingParams] = field(default_factory=list)
    were_explicit: list[bool] = field(default_factory=list)
    n_limit: int = 10_000
    n_said: int = 0

    async def generate(
        self, prompt: Prompt, params: SamplingParams, cancel: CancelToken, is_explicit: bool
    ) -> AsyncGenerator[Step]:
        self.were_explicit.append(is_explicit)
        self.prompts.append(prompt)
        self.params.append(params)
        n_prompt = sum(len(part.text) for part in prompt.parts)
        if n_prompt > self.n_limit:
            raise PromptTooLong(n_prompt, self.n_limit)
        for word in self.words:
            if isinstance(word, Exception):
                raise word
            if cancel.is_cancelled:
                break
            await asyncio.sleep(0)
            self.n_said += 1
            yield Step.of(word, 1, -0.5, Stats(n_prompt))
        why = "cancelled" if cancel.is_cancelled else self.why
        yield Step(stats=Stats(n_prompt=n_prompt, why_stopped=why))


def complete(
    completer: Completer, at: Site, is_explicit: bool = False, cancel: CancelToken | None = None, **settings: object
) -> Answer:
    chosen = Settings(**settings)  # type: ignore[arg-type]
    return asyncio.run(completer.complete(Request(at, MODEL, chosen, is_explicit, cancel or CancelToken())))


def ask(engine: ScriptedEngine, text: str, is_explicit: bool = False, **settings: object) -> Answer:
    return complete(Completer(engine), site(text), is_explicit, **settings)


def texts(answer: Answer) -> list[str]:
    return [completion.text for completion in answer.completions]


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("x = ‸\n", ["foo", "(1)", "\n", "y = 2"], ["foo(1)"]),
        ("def f():‸\n", ["\n    a", "\n    b", "\nc = 1", "\nd"], ["\n    a\n    b"]),
        ("print(‸)\n", ["x", ")"], ["x"]),
        ("x = ‸\n", ["foo(", "\n    1,\n", ")\n", "more"], ["foo(\n    1,\n)"]),
        ("x = ‸\n", [], []),
    ],
)
def test_an_answer_ends_with_its_statement(text: str, words: list[str | Exception], expected: list[str]) -> None:
    assert texts(ask(ScriptedEngine(words), text)) == expected


@pytest.mark.parametrize(
    ("text", "words", "reason"),
    [
        ("x = ‸\n", [], "the model has nothing to add"),
        ("x = ‸1 + 2 + y\n", ["a"], "code stands right of the caret"),
        ("x = ‸\n", ["a, " * 40], "filtered: it says the same words again and again"),
    ],
)
def test_silence_has_a_reason(text: str, words: list[str | Exception], reason: str) -> None:
    answer = ask(ScriptedEngine(words), text)
    assert not answer.completions
    assert answer.reason == reason


def test_a_failing_engine_is_not_an_answer() -> None:
    with pytest.raises(EngineDown, match="the engine died"):
        ask(ScriptedEngine([EngineDown("the engine died")]), "x = ‸\n")


def test_a_candidate_that_fails_costs_none_that_is_there() -> None:
    class Dying(ScriptedEngine):
        async def generate(
            self, prompt: Prompt, params: SamplingParams, cancel: CancelToken, is_explicit: bool
        ) -> AsyncGenerator[Step]:
            if params.seed:
                raise EngineDown("the engine died")
            async for step in super().generate(prompt, params, cancel, is_explicit):
                yield step

    assert texts(ask(Dying(["foo"]), "x = ‸\n", is_explicit=True)) == ["foo"]


def test_what_a_limit_cut_is_not_kept() -> None:
    engine = ScriptedEngine(["foo"], why="time")
    completer = Completer(engine)
    assert [complete(completer, site("x = ‸\n")).origin for _ in range(2)] == ["model", "model"]


def test_generation_is_stopped_where_the_statement_ends() -> None:
    engine = ScriptedEngine(["a\n", *["b\n"] * 1000])
    answer = ask(engine, "x = ‸\n")
    assert (texts(answer), engine.n_said) == (["a"], 1)
    assert answer.stats
    assert answer.stats.why_stopped == "end"


def test_a_cancelled_answer_is_neither_given_nor_cached() -> None:
    engine, cancel = ScriptedEngine(["foo"]), CancelToken()
    completer = Completer(engine)
    cancel.cancel()
    answer = complete(completer, site("x = ‸\n"), cancel=cancel)
    assert (texts(answer), answer.reason) == ([], "overtaken by a newer key")
    assert texts(complete(completer, site("x = ‸\n"))) == ["foo"]
    assert len(engine.prompts) == 2


def test_what_was_answered_is_not_asked_again() -> None:
    engine = ScriptedEngine(["foo(1)"])
    completer = Completer(engine)
    origins = [complete(completer, site(text)).origin for text in ("x = ‸\n", "x = ‸\n", "x = fo‸\n", "x = fa‸\n")]
    assert origins == ["model", "cache", "typed-through", "model"]
    assert len(engine.prompts) == 2


def test_asking_by_hand_gives_several_different_candidates() -> None:
    engine = ScriptedEngine(["foo"])
    answer = complete(Completer(engine), site("x = ‸1 + 2 + y\n"), is_explicit=True, candidates=4)
    assert texts(answer) == ["foo"]  # six times the same is one
    assert engine.were_explicit == [True] * 6
    assert [params.seed for params in engine.params] == [0, 1, 2, 3, 4, 5]
    assert [len(params.avoid) for params in engine.params] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("words", "why", "is_explicit", "n"),
    [(["foo"], "end", True, 1), ([], "end", True, 3), ([], "end", False, 1), ([], "time", True, 1)],
)
def test_asking_by_hand_is_not_content_with_nothing(
    words: list[str | Exception], why: str, is_explicit: bool, n: int
) -> None:
    engine = ScriptedEngine(words, why)
    ask(engine, "x = ‸\n", is_explicit=is_explicit, candidates=1)
    assert len(engine.params) == n


def test_a_prompt_that_is_too_long_is_fitted_again() -> None:
    engine = ScriptedEngine(["foo"], n_limit=300)
    completer = Completer(engine)
    text = "a = 1\n" * 500 + "x = ‸\n" + "b = 2\n" * 500
    assert texts(complete(completer, site(text))) == ["foo"]
    n_tries = len(engine.prompts)
    assert 1 < n_tries <= 4
    complete(completer, site(text), is_explicit=True, candidates=1)
    assert len(engine.prompts) == n_tries + 1  # learned for this document


@pytest.mark.parametrize(("max_chars", "n_shown", "origin"), [(budget.MAX_CHARS, 6_000, "cache"), (0, 23_000, "model")])
def test_on_a_gpu_a_prompt_shows_as_much_as_the_window_holds(max_chars: int, n_shown: int, origin: str) -> None:
    """All before the caret, and as much behind it as a suffix may take; an answer holds while all that is equal."""
    engine, model = ScriptedEngine(["foo"], n_limit=10**6), replace(MODEL, context_window=16_384, max_chars=max_chars)
    completer = Completer(engine)
    far = "a = 1\n" * 1500  # beyond what a CPU is shown

    def answered(head: str) -> Answer:
        at = site(head + far + "x = ‸\n" + far * 5)
        return asyncio.run(completer.complete(Request(at, model, Settings(), False, CancelToken())))

    assert answered("b = 2\n").origin == "model"
    assert n_shown - 1_000 < sum(len(part.text) for part in engine.prompts[0].parts) < n_shown + 1_000
    assert answered("c = 3\n").origin == origin


def test_a_limit_that_leaves_no_word_is_named() -> None:
    answer = ask(ScriptedEngine([], why="time"), "x = ‸\n", max_ms=50)
    assert answer.reason == "no word within 50 ms (codels.max_ms)"


GATED = replace(MODEL, gate=Gate(0.0, 1.0, 0.45, 0.35, 0.2))  # a word of -0.5: 0.38


@pytest.mark.parametrize(
    ("words", "is_explicit", "eagerness", "expected"),
    [
        (["foo"], False, "medium", (["foo"], "")),
        (["foo"], False, "low", ([], "not sure enough: 38% (codels.eagerness)")),
        (["foo"], True, "low", (["foo"], "")),
        (["foo", ".bar"], False, "medium", ([], "not sure enough: 27% (codels.eagerness)")),
        (["foo", ".bar"], False, "high", (["foo.bar"], "")),
        ([], False, "low", ([], "the model has nothing to add")),
    ],
)
def test_what_is_unsure_is_not_shown_unasked(
    words: list[str | Exception], is_explicit: bool, eagerness: str, expected: tuple[list[str], str]
) -> None:
    settings = Settings(eagerness=Eagerness(eagerness))
    request = Request(site("x = ‸\n"), GATED, settings, is_explicit, CancelToken())
    answer = asyncio.run(Completer(ScriptedEngine(words)).complete(request))
    assert (texts(answer), answer.reason) == expected


def test_a_model_that_copies_is_given_the_open_file_and_the_last_ones() -> None:
    engine = ScriptedEngine(["foo"])
    completer, model = Completer(engine), replace(MODEL, copies=True)
    for uri, text in (("file:///a.py", "a = 1‸\n"), ("file:///b.txt", "b‸\n"), ("file:///c.py", "c = some‸\nd\n")):
        at = site(text, "python" if uri.endswith("py") else "plaintext", uri=uri)
        asyncio.run(completer.complete(Request(at, model, Settings(), True, CancelToken())))
    assert engine.prompts[-1].heal == " some"
    assert engine.prompts[-1].sources == ("a = 1\n", "\nd\n", "c =")
    completer.forget("file:///a.py")
    asyncio.run(completer.complete(Request(at, MODEL, Settings(), True, CancelToken())))
    assert engine.prompts[-1].sources == ()
