"""`Runtime.role`: a ready engine and its model for each role, shared where the completion's model can do it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from engines import run
from scripted import write_card

from codels import verdicts
from codels.cancel import CancelToken
from codels.core import Role
from codels.engine.client import EngineClient
from codels.errors import CodelsError, ModelError, UserError
from codels.generation import Part, Prompt, SamplingParams
from codels.probe import Finding, Form, Kind, Verdict
from codels.prompt import Order
from codels.registry import store
from codels.resolve import subject
from codels.runtime import Runtime
from codels.settings import Settings

Add = Callable[..., None]


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Add:
    """Adds a scripted model that says its name."""
    monkeypatch.setattr(store, "models_folder", lambda: tmp_path / "models")
    monkeypatch.setattr(store, "cards_folder", lambda: tmp_path / "config" / "models")
    (tmp_path / "config" / "models").mkdir(parents=True)

    def write(name: str, *skills: str, n_bytes: int = 0, **script: object) -> None:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"answers": {"": name}, **script}).ljust(n_bytes))
        write_card(tmp_path / "config" / "models", name, path, *skills)

    return write


@asynccontextmanager
async def runtime(**settings: object) -> AsyncIterator[tuple[Runtime, list[str]]]:
    notices: list[str] = []
    started = Runtime(lambda _status: None, notices.append)
    await started.start()
    try:
        started.configure(Settings(**settings))  # type: ignore[arg-type]
        yield started, notices
    finally:
        await started.stop()


async def say(engine: EngineClient) -> str:
    steps = engine.generate(Prompt((Part("y = "),)), SamplingParams(), CancelToken(), True)
    return "".join([step.text async for step in steps])


def test_each_role_has_the_model_that_was_named_for_it(add: Add) -> None:
    add("one", "fim")
    add("two", "instruct")

    async def test() -> None:
        async with runtime(model="one", models=((Role.INSTRUCT, "two"),)) as (running, notices):
            async with running.role(Role.INSTRUCT) as (engine, model):
                assert (model.id, await say(engine)) == ("two", "two")
                assert engine is not running.engine
            async with running.role(Role.COMPLETION) as (engine, model):
                assert (model.id, await say(engine)) == ("one", "one")
                assert engine is running.engine
            assert notices == []

    run(test())


def test_one_model_serves_all_roles_that_it_can(add: Add) -> None:
    add("both", "fim", "instruct", n_bytes=60_000_000)
    add("bigger", "instruct", n_bytes=90_000_000)

    async def test() -> None:
        async with runtime() as (running, _):
            for role in (Role.COMPLETION, Role.DOCSTRING, Role.INSTRUCT):
                async with running.role(role) as (engine, model):
                    assert (model.id, engine) == ("both", running.engine)

    run(test())


def test_what_no_model_can_do_is_said(add: Add) -> None:
    add("one", "fim")

    async def test() -> None:
        async with runtime(model="one") as (running, _):
            with pytest.raises(ModelError, match="no model on this machine has the skill embed"):
                async with running.role(Role.EMBED):
                    pass

    run(test())


def test_a_model_that_leaves_no_memory_for_another_one(add: Add) -> None:
    add("one", "fim", n_bytes=600_000)
    add("two", "instruct", n_bytes=600_000)

    async def test() -> None:
        async with runtime(model="one", models=((Role.INSTRUCT, "two"),), memory_mb=1) as (running, _):
            with pytest.raises(UserError, match=r"two.json needs 0.7 MB, and 0.3 MB .* raise codels.memory_mb"):
                async with running.role(Role.INSTRUCT):
                    pass

    run(test())


def test_a_role_s_model_that_a_gpu_kills_is_loaded_onto_the_cpu(add: Add) -> None:
    add("one", "fim")
    add("two", "instruct", gpu="CUDA0 RTX", dies_on_gpu=True)

    async def test() -> None:
        async with runtime(model="one", models=((Role.INSTRUCT, "two"),)) as (running, notices):
            async with running.role(Role.INSTRUCT) as (engine, _model):
                assert await say(engine) == "two"
            (notice,) = notices
            assert "while it loaded two.json onto CUDA0 RTX: the CPU is used instead" in notice

    run(test())


def test_a_role_s_model_that_cannot_be_loaded_leaves_completion_alone(add: Add) -> None:
    add("one", "fim")
    add("two", "instruct", answers=7)

    async def test() -> None:
        async with runtime(model="one", models=((Role.INSTRUCT, "two"),)) as (running, _):
            with pytest.raises(CodelsError, match=r"two.json must be an object"):
                async with running.role(Role.INSTRUCT):
                    pass
            await running.engine.ready()
            assert await say(running.engine) == "one"

    run(test())


def test_what_was_found_of_a_model_before_counts_in_every_role(add: Add) -> None:
    add("one", "fim")
    add("two", "instruct", scores={"": [-1, -1]})
    two = store.find("two")
    form = Form("codels", Order.SPM, Kind.MIDDLE)
    lost = Verdict(Finding.LOST, form, has_repo=False, n_holes=3, n_known=3, numbers=())
    digest = verdicts.compute_digest(two, CancelToken())

    async def test() -> None:
        async with runtime(model="one", models=((Role.INSTRUCT, "two"),)) as (running, _):
            for family in ("codels", "plain"):
                async with running.role(Role.INSTRUCT) as (engine, model):
                    assert (model.id, model.family.name) == ("two", family)
                    assert engine.status.info
                    wanted = subject(two, engine.status.info)
                assert wanted
                verdicts.keep(digest, wanted, lost)

    run(test())
