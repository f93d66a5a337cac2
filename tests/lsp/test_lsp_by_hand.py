"""What was asked for by hand is never dropped by keystrokes; what is remembered; requests while a model loads."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lsp_session import INLINE, MINUTE, Client, run, server, write_script
from paces import LATE, NOW, PACES, SLOW, TEXT, texts, typed
from shared_server import Shared

from codels.lspclient import ServerError


def test_what_was_asked_for_by_hand_is_not_dropped_by_a_keystroke_at_the_same_version(
    shared: Shared, client: Client, uri: str
) -> None:
    async def test() -> None:
        _, asked = client.ask(*LATE, uri, is_explicit=True)
        await client.settle()
        _, key = client.ask(*NOW, uri)
        assert (texts(await asked), texts(await key)) == (["late()"], ["quick()"])

    shared.run(test())


def test_two_requests_by_hand_at_the_same_version_are_both_answered(shared: Shared, client: Client, uri: str) -> None:
    async def test() -> None:
        _, first = client.ask(*LATE, uri, is_explicit=True)
        _, second = client.ask(*NOW, uri, is_explicit=True)
        assert (texts(await first), texts(await second)) == (["late()"], ["quick()"])

    shared.run(test())


def test_what_was_asked_for_by_hand_is_not_dropped_by_keystrokes_elsewhere(
    shared: Shared, client: Client, uri: str
) -> None:
    async def test() -> None:
        client.open(uri + "i", TEXT)
        _, asked = client.ask(*LATE, uri, is_explicit=True)
        await client.settle()
        keys = [client.ask(*NOW, uri + "i")[1] for _ in range(5)]
        assert texts(await asked) == ["late()"]
        assert texts(await keys[-1]) == ["quick()"]
        await asyncio.gather(*keys)

    shared.run(test())


def test_a_request_by_hand_for_text_that_has_changed_since_does_not_hold_up_the_next_key(
    shared: Shared, client: Client, uri: str
) -> None:
    """Asked, then a key at the same version, then typed on: nobody can use the first answer any more."""

    async def test() -> None:
        _, asked = client.ask(*SLOW, uri, is_explicit=True)
        await client.settle()
        _, key = client.ask(*NOW, uri)
        await client.settle()
        typed(client, uri)
        _, now = client.ask(*NOW, uri)
        assert (texts(await asked), texts(await key), texts(await now)) == ([], [], ["quick()"])

    shared.run(test())


def test_the_same_place_again_is_answered_without_the_model(shared: Shared, client: Client, uri: str) -> None:
    async def test() -> None:
        first = texts(await client.ask(*NOW, uri)[1])
        assert (await client.status())["lastOrigin"] == "model"
        assert texts(await client.ask(*NOW, uri)[1]) == first
        assert (await client.status())["lastOrigin"] == "cache"

    shared.run(test())


def test_a_cancelled_answer_is_not_remembered(shared: Shared, client: Client, uri: str) -> None:
    async def test() -> None:
        id_, late = client.ask(*LATE, uri)
        await client.settle()
        client.notify("$/cancelRequest", {"id": id_})
        with pytest.raises(ServerError, match="cancel"):
            await late
        assert texts(await client.ask(*LATE, uri)[1]) == ["late()"]
        assert (await client.status())["lastOrigin"] == "model"

    shared.run(test())


def test_no_time_left(shared: Shared) -> None:
    shared.use({"max_ms": 50}, answers={"": "x + 1"}, step_ms=80)
    try:
        assert shared.complete("y = ", 0, 4) == []
        assert "within 50 ms" in shared.reason()
    finally:
        shared.use(**PACES)


def test_a_keystroke_while_a_model_loads_is_answered_at_once_with_nothing(shared: Shared) -> None:
    """The load would take a minute."""
    shared.use(is_ready=False, load_ms=MINUTE)
    try:
        for is_explicit in (False, True):
            assert shared.complete("y = ", 0, 4, is_explicit=is_explicit) == []
            assert shared.reason().startswith("loading script")
    finally:
        shared.use(**PACES)
    assert shared.complete("y = ", 0, 4)


def test_another_model_is_chosen_while_the_first_one_answers(shared: Shared, client: Client, uri: str) -> None:
    async def ask() -> asyncio.Future[Any]:
        return client.ask(*SLOW, uri, is_explicit=True)[1]

    slow = shared.run(ask())
    shared.use(answers={"": "other()\n"})
    try:
        assert texts(shared.run(slow)) == []
        assert shared.complete("y = ", 0, 4)[0]["insertText"] == "other()"
    finally:
        shared.use(**PACES)
    assert shared.complete("y = ", 0, 4)[0]["insertText"] == "quick()"


def test_a_keystroke_during_the_first_load(tmp_path: Any) -> None:
    async def test() -> None:
        model = write_script(tmp_path / "slow.json", load_ms=MINUTE)
        async with server(tmp_path, model, is_ready=False, capabilities=INLINE) as client:
            client.open("file:///a.py", "y = ")
            assert await client.complete("file:///a.py", 0, 4) == []
            assert await client.reason() == "loading slow.json"

    run(test())
