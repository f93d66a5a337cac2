"""Requests that cross: each is answered once, the newest keystroke wins, nothing late or cancelled is shown."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lsp_session import Client
from paces import LATE, NOW, SLOW, TEXT, texts, typed
from shared_server import Shared

from codels.lspclient import ServerError


def test_a_cancelled_request_is_answered_as_cancelled_and_frees_the_model(
    shared: Shared, client: Client, uri: str
) -> None:
    async def test() -> None:
        id_, slow = client.ask(*SLOW, uri)
        await client.settle()
        client.notify("$/cancelRequest", {"id": id_})
        with pytest.raises(ServerError, match="cancel"):
            await slow
        assert texts(await client.ask(*NOW, uri, is_explicit=True)[1]) == ["quick()"]

    shared.run(test())


def test_a_cancelled_explicit_request_frees_the_model_too(shared: Shared, client: Client, uri: str) -> None:
    async def test() -> None:
        id_, slow = client.ask(*SLOW, uri, is_explicit=True)
        await client.settle()
        client.notify("$/cancelRequest", {"id": id_})
        with pytest.raises(ServerError, match="cancel"):
            await slow
        assert texts(await client.ask(*NOW, uri)[1]) == ["quick()"]

    shared.run(test())


def test_cancelled_before_the_server_has_looked_at_it(shared: Shared, client: Client, uri: str) -> None:
    async def test() -> None:
        id_, slow = client.ask(*SLOW, uri)
        client.notify("$/cancelRequest", {"id": id_})
        with pytest.raises(ServerError, match="cancel"):
            await slow

    shared.run(test())


@pytest.mark.parametrize("id_", [0, -1, 10**9, "text", ""])
def test_cancelling_an_unknown_or_answered_request_is_nothing(
    shared: Shared, client: Client, uri: str, id_: Any
) -> None:
    async def test() -> None:
        done, answer = client.ask(*NOW, uri)
        await answer
        client.notify("$/cancelRequest", {"id": done})
        client.notify("$/cancelRequest", {"id": id_})
        assert texts(await client.ask(*NOW, uri)[1]) == ["quick()"]

    shared.run(test())


@pytest.mark.parametrize("is_same_version", [False, True])
@pytest.mark.parametrize("is_explicit", [False, True])
def test_a_newer_request_for_the_document_ends_the_former_with_an_empty_list(
    shared: Shared, client: Client, uri: str, is_same_version: bool, is_explicit: bool
) -> None:
    async def test() -> None:
        _, slow = client.ask(*SLOW, uri)
        await client.settle()
        if not is_same_version:
            typed(client, uri)
        _, now = client.ask(*NOW, uri, is_explicit)
        assert (texts(await slow), texts(await now)) == ([], ["quick()"])

    shared.run(test())


def test_many_keys_without_a_pause_are_each_answered_and_the_last_one_wins(
    shared: Shared, client: Client, uri: str
) -> None:
    async def test() -> None:
        asked = []
        for version in range(2, 42):
            typed(client, uri, version)
            asked.append(client.ask(*(SLOW if version < 41 else NOW), uri)[1])
        answers = [texts(answer) for answer in await asyncio.gather(*asked)]
        assert answers == [[]] * 39 + [["quick()"]]

    shared.run(test())


def test_the_newest_keystroke_wins_across_documents(shared: Shared, client: Client, uri: str) -> None:
    async def test() -> None:
        other = uri + "i"
        client.open(other, TEXT)
        _, slow = client.ask(*SLOW, uri)
        await client.settle()
        _, now = client.ask(*NOW, other)
        assert (texts(await slow), texts(await now)) == ([], ["quick()"])

    shared.run(test())


@pytest.mark.parametrize("is_explicit", [False, True])
def test_a_late_answer_for_an_older_version_is_dropped(
    shared: Shared, client: Client, uri: str, is_explicit: bool
) -> None:
    async def test() -> None:
        _, late = client.ask(*LATE, uri, is_explicit)
        await client.settle()
        typed(client, uri)
        assert texts(await late) == []
        assert await client.reason() == "the document changed meanwhile"

    shared.run(test())


def test_a_late_answer_for_the_same_version_is_shown(shared: Shared, client: Client, uri: str) -> None:
    """What the test before this one would see without its edit."""

    async def test() -> None:
        assert texts(await client.ask(*LATE, uri)[1]) == ["late()"]

    shared.run(test())


@pytest.mark.parametrize("version", [1, 2])
def test_an_answer_for_a_document_that_was_closed_and_opened_again_is_dropped(
    shared: Shared, client: Client, uri: str, version: int
) -> None:
    async def test() -> None:
        _, late = client.ask(*LATE, uri)
        await client.settle()
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        client.open(uri, "something else\n", version=version)
        assert texts(await late) == []

    shared.run(test())


def test_an_answer_for_a_document_that_was_closed_is_dropped(shared: Shared, client: Client, uri: str) -> None:
    async def test() -> None:
        _, slow = client.ask(*SLOW, uri)
        await client.settle()
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        assert texts(await slow) == []

    shared.run(test())
