"""The way of a keystroke: trigger → cache → context → budget → prompt → generate → postprocess."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from codels import context, postprocess, repetition, statements, trigger
from codels.cache import Cache
from codels.cancel import CancelToken
from codels.clock import Clock
from codels.context import Workspace
from codels.core import Answer, Completion, Prompt, SamplingParams, Shape, Site, Snippet, Stats, Step
from codels.errors import CodelsError, EngineDown, PromptTooLong
from codels.postprocess import Draft
from codels.prompt import Family, Order, Place, budget, render
from codels.settings import Settings

CHARS_PER_TOKEN = 3.0
"""First guess for code; a prompt that turns out too long lowers it for that document."""

LINE_TOKENS = 48
"""Enough for one statement."""

CANDIDATE_TEMPERATURE = 0.6
"""For further candidates: they should differ from the first and still be code."""

MAX_FITS = 4


class Engine(Protocol):
    """What the completer needs of the engine."""

    def generate(
        self, prompt: Prompt, params: SamplingParams, cancel: CancelToken, is_explicit: bool
    ) -> AsyncGenerator[Step]: ...


@dataclass(frozen=True, slots=True)
class Model:
    """The loaded model as prompts need it. `languages` empty means any."""

    id: str
    family: Family
    order: Order
    context_window: int
    languages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Request:
    """One caret to answer. `is_explicit`: asked for by hand."""

    site: Site
    model: Model
    settings: Settings
    is_explicit: bool
    cancel: CancelToken


@dataclass(frozen=True, slots=True)
class _Task:
    """A request that needs the model, with what the earlier stages found."""

    request: Request
    shape: Shape
    snippets: tuple[Snippet, ...]
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Generated:
    text: str
    logprob: float
    is_whole: bool
    stats: Stats


class Completer:
    """Answers carets. Holds the cache and what it learned about each document's density, nothing else."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._workspace = Workspace()
        self._cache = Cache()
        self._chars_per_token: dict[tuple[str, str], float] = {}

    def forget(self, uri: str) -> None:
        """The document was closed."""
        self._chars_per_token = {key: n for key, n in self._chars_per_token.items() if key[1] != uri}

    async def complete(self, request: Request) -> Answer:
        """What to offer, or why nothing. Raises `CodelsError` where the model or its engine fails."""
        site, clock = request.site, Clock()
        decision = trigger.decide(site, request.settings, request.model.languages, request.is_explicit)
        clock.lap("trigger")
        if decision.shape is None:
            return clock.answer(reason=decision.reason)
        key = (request.model, request.settings, site.snapshot.language)
        hit = None if request.is_explicit else self._cache.get(key, site)
        clock.lap("cache")
        if hit:
            return clock.answer(hit.completions, origin=hit.origin)
        snippets = context.gather(site, self._workspace)
        clock.lap("context")
        answer = await self._ask(_Task(request, decision.shape, snippets, clock))
        is_cut = answer.stats is not None and answer.stats.why_stopped == "time"
        if answer.completions and not is_cut and not request.cancel.is_cancelled:
            self._cache.put(key, site, answer.completions)
        return answer

    async def _ask(self, task: _Task) -> Answer:
        """One answer, or several different ones where they were asked for by hand."""
        request, clock = task.request, task.clock
        completions: dict[str, Completion] = {}
        reason, stats = "", None
        for seed in range(request.settings.candidates if request.is_explicit else 1):
            try:
                generated = await self._generate(task, _params(task, seed))
            except CodelsError:
                if completions:
                    break  # one that failed costs none that is there
                raise
            stats = stats or generated.stats
            if request.cancel.is_cancelled or generated.stats.why_stopped == "cancelled":
                return clock.answer(reason="overtaken by a newer key", stats=stats)
            text, reason = postprocess.clean(Draft(generated.text, request.site, task.shape, generated.is_whole))
            clock.lap("postprocess")
            if text:
                completions.setdefault(text, Completion(text, generated.logprob))
            elif generated.stats.why_stopped == "time" and not generated.text:
                reason = f"no word within {request.settings.max_ms} ms (codels.max_ms)"
        return clock.answer(tuple(completions.values()), "" if completions else reason, "model", stats)

    async def _generate(self, task: _Task, params: SamplingParams) -> _Generated:
        """One answer of the model; the window is fitted again, smaller, when the prompt turns out too long."""
        site, model, clock = task.request.site, task.request.model, task.clock
        for _ in range(MAX_FITS):
            density = self._chars_per_token.get((model.id, site.snapshot.uri), CHARS_PER_TOKEN)
            window = budget.fit(site, task.snippets, int(_max_prompt(model) * density))
            clock.lap("budget")
            prompt = render(model.family, model.order, window, _place(site))
            clock.lap("prompt")
            try:
                return await self._read(task, prompt, params)
            except PromptTooLong as error:
                shrunk = density * 0.95 * error.n_limit / error.n_prompt
                self._chars_per_token[model.id, site.snapshot.uri] = shrunk
            finally:
                clock.lap("generate")
        raise EngineDown("the text around the caret does not fit the model's context window")

    async def _read(self, task: _Task, prompt: Prompt, params: SamplingParams) -> _Generated:
        """The model's words until the statement or block has ended; the engine's last word is not waited for then."""
        request, text, logprob = task.request, "", 0.0
        steps = self._engine.generate(prompt, params, request.cancel, request.is_explicit)
        async with aclosing(steps):
            async for step in steps:
                text += step.text
                logprob += step.logprob
                is_ended = "\n" in step.text and statements.end(request.site, text, task.shape) is not None
                if is_ended or repetition.stutters(text):
                    return _Generated(text, logprob, True, replace(step.stats, why_stopped="end"))
                if step.is_last:
                    return _Generated(text, logprob, step.stats.why_stopped in ("end", "stop"), step.stats)
        raise EngineDown("the engine's answer broke off")


def _params(task: _Task, seed: int) -> SamplingParams:
    settings = task.request.settings
    wanted = settings.max_tokens if task.shape is Shape.BLOCK else min(settings.max_tokens, LINE_TOKENS)
    return SamplingParams(
        max_tokens=min(wanted, task.request.model.context_window // 4),
        temperature=settings.temperature if seed == 0 else max(settings.temperature, CANDIDATE_TEMPERATURE),
        seed=seed,
        max_ms=settings.max_ms,
    )


def _max_prompt(model: Model) -> int:
    """The same for lines and blocks, so that the window does not move between them: a quarter is the answer's."""
    return model.context_window - model.context_window // 4


def _place(site: Site) -> Place:
    path = PurePosixPath(unquote(urlsplit(site.snapshot.uri).path))
    return Place(path=path.name, repo=path.parent.name, language=site.snapshot.language)
