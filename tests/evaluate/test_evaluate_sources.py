"""Who answers."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from helpers import site

from codels.core import Answer, Site
from codels.engine.client import State, Status
from codels.evaluate.sources import by_model
from codels.evaluate.task import Task
from codels.runtime import Runtime


class Remembering:
    """A runtime that answers with the documents that it has seen and not forgotten."""

    def __init__(self) -> None:
        self.engine = cast(Any, self)
        self.status = Status(State.READY)
        self.uris: list[str] = []

    async def ready(self) -> None: ...

    async def complete(self, site: Site, _is_explicit: bool, _cancel: object) -> Answer:
        self.uris.append(site.snapshot.uri)
        return Answer(reason=" ".join(self.uris))

    def forget(self, uri: str) -> None:
        self.uris = [other for other in self.uris if other != uri]


def test_a_task_does_not_see_the_documents_of_the_one_before() -> None:
    source = by_model(cast(Runtime, Remembering()))
    tasks = [Task(uri, site("x = ‸\n", uri=uri), "1") for uri in ("a", "b", "c")]
    said = [asyncio.run(source(task)(task.site, True)).reason for task in tasks]
    assert said == ["a", "b", "c"]
