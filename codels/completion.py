"""The way of a keystroke: trigger → cache → context → budget → prompt → generate → postprocess."""

from __future__ import annotations

import math
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from codels import context, postprocess, repetition, statements, trigger
from codels.cache import Cache
from codels.clock import Clock
from codels.context import Workspace, copies
from codels.core import Answer, Completion, Shape, Site, Snippet
from codels.errors import CodelsError, EngineDown, PromptTooLong
from codels.gate import first_line, sure
from codels.generation import Prompt, SamplingParams, Stats, Step
from codels.postprocess import Draft
from codels.prompt import Place, budget, render
from codels.prompt.heal import MAX_HEAL
from codels.request import Engine, Model, Request

CHARS_PER_TOKEN = 3.0
"""First guess for code; a prompt that turns out too long lowers it for that document."""

LINE_TOKENS = 48
"""Enough for one statement."""

MAX_RETRIES = 2
"""For what was asked for by hand, beyond the wanted candidates: some say the same, or nothing that can be offered."""

MAX_FITS = 8
"""Around a caret in dense text (other scripts, escaped data) the window may have to shrink again and again."""

MAX_RECENT = 4
"""Documents whose last caret is remembered."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A request that needs the model, with what the earlier stages found."""

    request: Request
    shape: Shape
    workspace: Workspace
    snippets: tuple[Snippet, ...]
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Generated:
    said: Step
    is_whole: bool
    stats: Stats


class Completer:
    """Answers carets. Holds the cache and what it learned about each document's density, nothing else."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._recent: dict[str, Site] = {}
        self._cache = Cache()
        self._chars_per_token: dict[tuple[str, str], float] = {}

    def forget(self, uri: str) -> None:
        """The document was closed."""
        self._recent.pop(uri, None)
        self._chars_per_token = {key: n for key, n in self._chars_per_token.items() if key[1] != uri}

    async def complete(self, request: Request) -> Answer:
        """What to offer, or why nothing. Raises `CodelsError` where the model or its engine fails."""
        site, clock = request.site, Clock()
        decision = trigger.decide(site, request.settings, request.model.languages, request.is_explicit)
        clock.lap("trigger")
        if decision.shape is None:
            return clock.answer(reason=decision.reason)
        key = (request.model, request.settings, site.snapshot.language)
        hit = None if request.is_explicit else self._cache.get(key, site, _max_chars(request.model))
        clock.lap("cache")
        if hit:
            return clock.answer(hit.completions, origin=hit.origin)
        workspace = self._remember(site)
        snippets = context.gather(site, workspace)
        clock.lap("context")
        answer = await self._ask(_Task(request, decision.shape, workspace, snippets, clock))
        is_cut = answer.stats is not None and answer.stats.why_stopped == "time"
        if answer.completions and not is_cut and not request.cancel.is_cancelled:
            self._cache.put(key, site, answer.completions, _max_chars(request.model))
        return answer

    def _remember(self, site: Site) -> Workspace:
        """The carets so far, and this one for later."""
        uri = site.snapshot.uri
        self._recent = {uri: site, **{key: other for key, other in self._recent.items() if key != uri}}
        while len(self._recent) > MAX_RECENT:
            self._recent.popitem()
        return Workspace(tuple(self._recent.values()))

    async def _ask(self, task: _Task) -> Answer:
        """One answer, or several where they were asked for by hand: each with another first token."""
        request, clock = task.request, task.clock
        completions: dict[str, Completion] = {}
        reason, stats, avoid = "", None, tuple[int, ...]()
        n_wanted = request.settings.candidates if request.is_explicit else 1
        for seed in range(n_wanted + MAX_RETRIES if request.is_explicit else 1):
            try:
                generated = await self._generate(task, replace(_params(task), seed=seed, avoid=avoid))
            except CodelsError:
                if completions:
                    break  # one that failed costs none that is there
                raise
            stats = stats or generated.stats
            if request.cancel.is_cancelled or generated.stats.why_stopped == "cancelled":
                return clock.answer(reason="overtaken by a newer key", stats=stats)
            completion, reason = _finished(task, generated)
            clock.lap("postprocess")
            if completion:
                completions.setdefault(completion.text, completion)
            avoid += generated.said.first
            if len(completions) == n_wanted or generated.stats.why_stopped == "time":
                break
        return clock.answer(tuple(completions.values()), "" if completions else reason, "model", stats)

    async def _generate(self, task: _Task, params: SamplingParams) -> _Generated:
        """One answer of the model; the window is fitted again, smaller, when the prompt turns out too long."""
        site, model, clock = task.request.site, task.request.model, task.clock
        for _ in range(MAX_FITS):
            density = self._chars_per_token.get((model.id, site.snapshot.uri), CHARS_PER_TOKEN)
            n_chars = int(_max_prompt(task.request) * density)
            window = budget.fit(site, task.snippets, min(n_chars, _max_chars(model)))
            clock.lap("budget")
            prompt = render(model.family, model.order, window, _place(site), model.heals)
            if model.copies:
                prompt = replace(prompt, sources=copies.texts(site, prompt.heal, task.workspace.recent))
            clock.lap("prompt")
            try:
                return await self._read(task, prompt, params)
            except PromptTooLong as error:
                shrunk = density * min(0.95 * error.n_limit / error.n_prompt, 0.8)
                self._chars_per_token[model.id, site.snapshot.uri] = shrunk
            finally:
                clock.lap("generate")
        raise EngineDown("the text around the caret does not fit the model's context window")

    async def _read(self, task: _Task, prompt: Prompt, params: SamplingParams) -> _Generated:
        """The model's words until the statement or block has ended; the engine's last word is not waited for then."""
        request, said = task.request, Step()
        steps = self._engine.generate(prompt, params, request.cancel, request.is_explicit)
        async with aclosing(steps):
            async for step in steps:
                said += step
                is_ended = "\n" in step.text and statements.end(request.site, said.text, task.shape) is not None
                if is_ended or repetition.stutters(said.text):
                    return _Generated(said, True, replace(step.stats, why_stopped="end"))
                if step.is_last:
                    return _Generated(said, step.stats.why_stopped in ("end", "stop"), step.stats)
        raise EngineDown("the engine's answer broke off")


def _finished(task: _Task, generated: _Generated) -> tuple[Completion | None, str]:
    """What of the model's words is offered, and why nothing. What was asked for by hand need not be sure."""
    request, said, gate = task.request, generated.said, task.request.model.gate
    if generated.stats.why_stopped == "time" and not said.text:
        return None, f"no word within {request.settings.max_ms} ms (codels.max_ms)"
    logprob = first_line(said)
    confidence = gate.chance(logprob) if gate else math.exp(logprob)
    raw, is_whole = said.text, generated.is_whole
    if gate and said.text.strip() and not request.is_explicit:
        n_sure = sure(said, gate, request.settings.eagerness)
        if not n_sure:
            return None, f"not sure enough: {confidence:.0%} (codels.eagerness)"
        raw, is_whole = raw[:n_sure], is_whole or n_sure < len(raw)
    text, reason = postprocess.clean(Draft(raw, request.site, task.shape, is_whole))
    return (Completion(text, logprob, confidence) if text else None), reason


def _params(task: _Task) -> SamplingParams:
    settings = task.request.settings
    wanted = settings.max_tokens if task.shape is Shape.BLOCK else min(settings.max_tokens, LINE_TOKENS)
    return SamplingParams(
        max_tokens=min(wanted, task.request.model.context_window // 4),
        temperature=settings.temperature,
        max_ms=settings.max_ms,
    )


def _max_chars(model: Model) -> int:
    """Of a prompt, whatever the text's density."""
    return model.max_chars or int(model.context_window * CHARS_PER_TOKEN)


def _max_prompt(request: Request) -> int:
    """The same for lines and blocks, so that the window does not move between them: the rest is the answer's."""
    window = request.model.context_window
    return window - min(window // 4, request.settings.max_tokens + MAX_HEAL)


def _place(site: Site) -> Place:
    path = PurePosixPath(unquote(urlsplit(site.snapshot.uri).path))
    return Place(path=path.name, repo=path.parent.name, language=site.snapshot.language)
