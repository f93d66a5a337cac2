"""Who answers: a model through the real way of a keystroke, a baseline, the reference, or nobody."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

from codels.cancel import CancelToken
from codels.core import Answer, Completion, Site
from codels.engine.client import State
from codels.errors import EngineDown
from codels.evaluate.baselines import BASELINES, Baselines
from codels.evaluate.task import Ask, Task
from codels.runtime import Runtime

Source = Callable[[Task], Ask]

HASHED_BYTES = 4 << 20
"""At each end of a model's file: enough to tell weights apart, and read in a moment."""

RESTART_S = 60.0


def by_model(runtime: Runtime) -> Source:
    """The runtime's model. An engine that dies costs the task that it died on; it is waited for before the next.

    A task's document is forgotten before the next task, or its text would help: HumanEval-Infilling takes one line
    after the other out of the same program.
    """
    uri = ""

    async def ask(site: Site, is_explicit: bool) -> Answer:
        await _ready(runtime)
        return await runtime.complete(site, is_explicit, CancelToken())

    def source(task: Task) -> Ask:
        nonlocal uri
        runtime.forget(uri)
        uri = task.site.snapshot.uri
        return ask

    return source


async def _ready(runtime: Runtime) -> None:
    """Raises `EngineDown` where the engine does not come back."""
    try:
        async with asyncio.timeout(RESTART_S):
            while runtime.engine.status.state is State.DOWN:
                await asyncio.sleep(0.05)
            await runtime.ready()
    except TimeoutError:
        raise EngineDown(f"{runtime.engine.status.message}, and does not come back: try `codels doctor`") from None


def _by_function(function: Callable[[Site], str]) -> Source:
    async def ask(site: Site, _is_explicit: bool) -> Answer:
        return said(function(site))

    return lambda _task: ask


def _by_reference(task: Task) -> Ask:
    async def ask(site: Site, _is_explicit: bool) -> Answer:
        return said(task.gold[site.column - task.site.column :])  # what is typed already left out

    return ask


def said(text: str) -> Answer:
    return Answer((Completion(text),), origin="no model") if text else Answer(reason="nothing is known")


WITHOUT_MODEL = {*BASELINES, "reference", "empty"}
"""What can stand in a model's place."""


def without_model(name: str, baselines: Baselines) -> Source:
    """The source of that name; a set has baselines of its own where a line is not enough."""
    if name == "reference":
        return _by_reference
    return _by_function((BASELINES | baselines).get(name, lambda _site: ""))


def fingerprint(path: Path) -> str:
    """Tells a model's file from another one of the same name, without reading all of it."""
    with path.open("rb") as stream:
        size = path.stat().st_size
        digest = hashlib.sha256(str(size).encode() + stream.read(HASHED_BYTES))
        stream.seek(max(0, size - HASHED_BYTES))
        digest.update(stream.read())
    return digest.hexdigest()[:16]
