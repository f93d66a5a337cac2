"""A wanted model that is not on this machine: the server asks, fetches it with progress, loads it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import hub as hubs
import pytest
from hub import Handler, Hub
from lsp_session import INLINE, URI, Client, run, server

from codels.lspclient import NEVER, Json

QUESTION = (
    "codels: away (A model far away, 3.0 MB, licence other (Not for rockets.)) is not on this machine; until it is, "
    "another model serves. Download it?"
)

ABLE = {**INLINE, "window": {"workDoneProgress": True}}


@pytest.fixture
def hub() -> Iterator[Hub]:
    script = json.dumps({"answers": {"": "from_afar()\n"}})
    with hubs.serving(script.encode().ljust(3_000_000)) as serving:
        yield serving


@pytest.fixture
def env(tmp_path: Path, hub: Hub) -> dict[str, str]:
    cards = tmp_path / "config" / "codels" / "models"
    cards.mkdir(parents=True)
    (cards / "away.toml").write_text(hub.card("away", "A model far away"))
    folders = {f"XDG_{name.upper()}_HOME": str(tmp_path / name) for name in ("config", "data", "cache")}
    return {**folders, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hf")}


@asynccontextmanager
async def asking(
    env: dict[str, str], answer: object, options: Json | None = None, capabilities: Json = ABLE
) -> AsyncIterator[Client]:
    """A server that wants the model, and an editor that gives `answer` to its question."""
    folder = Path(env["XDG_CONFIG_HOME"]).parent

    def on_request(method: str, _params: Any) -> object:
        return answer if method == "window/showMessageRequest" else None

    options = {"model": "away"} if options is None else options
    async with server(folder, options=options, on_request=on_request, capabilities=capabilities, env=env) as client:
        client.open(URI, "y = ")
        yield client


def questions(client: Client) -> list[Json]:
    return [params for method, params in client.requests if method == "window/showMessageRequest"]


def bars(client: Client) -> list[list[Json]]:
    """What was shown of each progress."""
    shown: dict[str, list[Json]] = {}
    for method, params in client.notifications:
        if method == "$/progress":
            shown.setdefault(params["token"], []).append(params["value"])
    return list(shown.values())


def downloads(client: Client) -> list[list[Json]]:
    return [bar for bar in bars(client) if bar[0].get("cancellable")]


async def is_over(client: Client) -> Json:
    """The last word of the download's progress."""
    await client.until(lambda _status: any(bar[-1]["kind"] == "end" for bar in downloads(client)))
    return downloads(client)[0][-1]


def test_yes_fetches_the_model_with_progress_and_it_serves(env: dict[str, str], hub: Hub) -> None:
    hub.faults = [hubs.cut(1_000_000)]

    async def test() -> None:
        async with asking(env, {"title": "Download"}) as client:
            await client.until(lambda status: (status["model"], status["state"]) == ("away", "ready"))
            (item,) = await client.complete(URI, 0, 4)
            assert item["insertText"] == "from_afar()"
            assert questions(client) == [
                {"type": 3, "message": QUESTION, "actions": [{"title": "Download"}, {"title": "Not now"}]}
            ]
            assert (await is_over(client))["message"] == "away is here"
            ((begin, *reports, _end),) = downloads(client)
            assert (begin["title"], begin["percentage"]) == ("codels", 0)
            assert reports[-1]["percentage"] == 100
            assert reports[-1]["message"].startswith("away.json 100 %, 3.0 MB of 3.0 MB, ")
            assert reports[-1]["message"].endswith(" left")
            assert client.told == []

    run(test())


SILENT = [
    # the editor's answer, and words of what the user is told then
    ({"title": "Not now"}, ""),
    (None, ""),
    (NEVER, ""),
    ("nonsense", ""),
    (
        ValueError("method not found"),
        "away (A model far away, 3.0 MB, licence other (Not for rockets.)) is not on this",
    ),
]


@pytest.mark.parametrize(("answer", "words"), SILENT, ids=lambda value: repr(value)[:30])
def test_without_a_yes_nothing_is_fetched_and_another_model_serves(
    env: dict[str, str], hub: Hub, answer: object, words: str
) -> None:
    async def test() -> None:
        async with asking(env, answer) as client:
            status = await client.status("ready")
            assert status["model"] == "codels-tiny"
            assert "away, which codels.model names, is not on this machine" in status["roles"]["completion"]["reason"]
            for max_tokens in (10, 20):
                settings = {"codels": {"model": "away", "max_tokens": max_tokens}}
                client.notify("workspace/didChangeConfiguration", {"settings": settings})
                await client.settle()
            await client.until(lambda _status: len(client.told) == bool(words))
            assert words in "".join(client.told)
            assert len(questions(client)) == 1

    run(test())
    assert hub.seen == []


def test_offline_nobody_is_asked_and_what_would_be_needed_is_said(env: dict[str, str], hub: Hub) -> None:
    async def test() -> None:
        async with asking(env, {"title": "Download"}, {"model": "away", "offline": True}) as client:
            assert (await client.status("ready"))["model"] == "codels-tiny"
            await client.heard("window/showMessage")
            (told,) = client.told
            assert "codels.offline is set: 3.0 MB of o/m on the hub would be needed; another model serves" in told
            assert questions(client) == []

    run(test())
    assert hub.seen == []


def _trickle(handler: Handler) -> bool:
    """A byte now and then, until the other side hangs up."""
    handler.head(200, Content_Length=len(handler.hub.data))
    try:
        for byte in handler.hub.data:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.01)
    except OSError:
        pass
    return True


def _end_of_the_line(handler: Handler) -> bool:
    return handler.answer(404)


def test_a_download_that_is_cancelled_is_kept_for_later(env: dict[str, str], hub: Hub) -> None:
    hub.faults = [_trickle]

    async def test() -> None:
        async with asking(env, {"title": "Download"}) as client:
            await client.until(lambda _status: any(len(bar) > 1 for bar in downloads(client)))
            token = next(p["token"] for _, p in client.notifications if p.get("value", {}).get("cancellable"))
            client.notify("window/workDoneProgress/cancel", {"token": token})
            end = await is_over(client)
            assert end["message"] == (
                "away: the pull was stopped; what has come is kept, and the next pull goes on from there"
            )
            assert (await client.status("ready"))["model"] == "codels-tiny"
            assert client.told == []

    run(test())
    assert list(Path(env["XDG_DATA_HOME"]).rglob("*.part"))


def test_a_download_that_fails_says_why(env: dict[str, str], hub: Hub) -> None:
    hub.heads = [_end_of_the_line]

    async def test() -> None:
        async with asking(env, {"title": "Download"}) as client:
            assert (await is_over(client))["message"] == "away could not be downloaded"
            (told,) = client.told
            assert "away could not be downloaded: " in told
            assert "has no file away.json of o/m" in told
            assert (await client.status("ready"))["model"] == "codels-tiny"

    run(test())


def test_an_editor_that_leaves_does_not_wait_for_a_download(env: dict[str, str], hub: Hub) -> None:
    """The fixture's end sees both processes go."""
    hub.faults = [_trickle]

    async def test() -> None:
        async with asking(env, {"title": "Download"}) as client:
            await client.until(lambda _status: any(len(bar) > 1 for bar in downloads(client)))

    run(test())


def test_an_editor_that_shows_no_progress_gets_the_model_all_the_same(env: dict[str, str]) -> None:
    async def test() -> None:
        async with asking(env, {"title": "Download"}, capabilities=INLINE) as client:
            await client.until(lambda status: (status["model"], status["state"]) == ("away", "ready"))
            assert bars(client) == []

    run(test())


def test_a_model_that_is_chosen_in_a_terminal_is_asked_about_in_the_editor(env: dict[str, str]) -> None:
    place = Path(env["XDG_CONFIG_HOME"]) / "codels" / "choices.json"

    async def test() -> None:
        async with asking(env, {"title": "Download"}, {}) as client:
            assert (await client.status("ready"))["model"] == "codels-tiny"
            place.write_text(json.dumps({"completion": "away"}))
            await client.until(lambda status: (status["model"], status["state"]) == ("away", "ready"))
            assert len(questions(client)) == 1

    run(test())
