"""The engine dies: the user is told once, it is restarted, and completing goes on. The source is in no log."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from lsp_session import MINUTE, URI, Client, gone, run, server, write_script

from codels.lspclient import ServerError, inline_params

CANARY = "tweety_in_the_coal_mine"
"""Stands in the user's files, and must not stand in a log."""

TEXT = f"# {CANARY}\nslow = \nnow = \nboom = \n{CANARY} = \n"
SLOW, NOW, BOOM, CANARY_LINE = (1, 7), (2, 6), (3, 7), (4, len(CANARY) + 3)
SCRIPT: dict[str, Any] = {
    "answers": {"": "quick()\n", CANARY + " = ": CANARY + "()\n"},
    "prefill_ms": {"slow = ": MINUTE},
    "dies_on": "boom = ",
}


async def _kill(client: Client) -> None:
    """kill -9; the server has noticed when it tells the user."""
    pid, n_told = client.engine_pid, len(client.told)
    os.kill(pid, signal.SIGKILL)
    await gone(pid)
    await client.heard("window/showMessage", n_told + 1)


def test_killed_in_mid_answer_it_is_told_once_and_the_next_completion_works(tmp_path: Path) -> None:
    async def test() -> None:
        model = write_script(tmp_path / "model.json", **SCRIPT)
        async with server(tmp_path, model, options={"model": model, "maxMs": MINUTE}) as client:
            client.open(URI, TEXT)
            for round_ in (1, 2):
                _, slow = client.ask(*SLOW)
                await client.settle()
                await _kill(client)
                assert (await slow)["items"] == []
                assert "the engine died (signal 9)" in await client.reason()
                assert client.told == ["codels: the engine died (signal 9); it is being restarted"] * round_
                await client.status("ready")
                assert (await client.complete(URI, *NOW, is_explicit=True))[0]["insertText"] == "quick()"
            assert len(client.told) == 2

    run(test())


def test_a_model_that_crashes_on_each_load_is_told_once_and_another_one_works(tmp_path: Path) -> None:
    async def test() -> None:
        model = write_script(tmp_path / "crash.json", dies_loading=True)
        async with server(tmp_path, model, is_ready=False) as client:
            client.open(URI, TEXT)
            for _ in range(2):
                await client.status("down")
                assert await client.complete(URI, *NOW) == []
                await client.status("loading")
            (told,) = client.told
            assert told.startswith(
                "codels: the engine died (exit code 11) as it loaded crash.json: fetch the model again"
            )
            good = write_script(tmp_path / "good.json")
            client.notify("workspace/didChangeConfiguration", {"settings": {"codels": {"model": good}}})
            await client.until(lambda status: (status["model"], status["state"]) == ("good.json", "ready"))
            assert await client.complete(URI, *NOW)

    run(test())


async def _misbehave(client: Client) -> None:
    """What goes wrong in normal use and beyond it, all with the canary in reach."""
    client.open(URI, TEXT)
    await client.complete(URI, *NOW)
    await client.complete(URI, *CANARY_LINE, is_explicit=True)
    id_, slow = client.ask(*SLOW)
    client.notify("$/cancelRequest", {"id": id_})
    with pytest.raises(ServerError):
        await slow
    client.open("file://[/x.py", TEXT)
    await client.complete("file://[/x.py", *NOW)
    bad = {"textDocument": {"uri": URI}, "contentChanges": [{"text": CANARY}, 7]}
    client.notify("textDocument/didChange", bad)
    assert await client.complete(URI, *NOW) == []  # rather no document than another one than the editor's
    client.open(URI, TEXT)
    client.notify("textDocument/didOpen", {"textDocument": {"text": CANARY}})
    client.notify("no/such/notification", {"text": CANARY})
    for method, params in (("no/such/request", {"text": CANARY}), ("textDocument/inlineCompletion", {"x": CANARY})):
        with pytest.raises(ServerError):
            await client.request(method, params)
    await client.complete(URI, *BOOM)
    await client.status("ready")
    _, slow = client.ask(*SLOW)
    await client.settle()
    await _kill(client)
    await slow
    await client.status("ready")
    assert await client.complete(URI, *NOW, is_explicit=True)


@pytest.mark.parametrize("level", ["", "INFO"])
def test_the_user_s_source_is_in_no_log(tmp_path: Path, level: str) -> None:
    async def test() -> None:
        model = write_script(tmp_path / "model.json", **SCRIPT)
        options = {"model": model, "maxMs": MINUTE}
        async with server(tmp_path, options=options, env={"CODELS_LOG": level} if level else None) as client:
            await _misbehave(client)
        assert "the engine died" in client.stderr  # there is a log to look into
        assert CANARY not in client.stderr
        assert CANARY not in " ".join(client.told)
        assert "tweety" not in client.stderr

    run(test())


@pytest.mark.model
def test_the_user_s_source_is_in_no_log_of_the_built_in_model(tmp_path: Path) -> None:
    async def test() -> None:
        async with server(tmp_path, "codels-tiny", env={"CODELS_LOG": "INFO"}) as client:
            client.open(URI, TEXT + f"def {CANARY}(a, b):\n    return ")
            assert isinstance(await client.complete(URI, 6, 11, is_explicit=True), list)
            await client.request("textDocument/inlineCompletion", inline_params(URI, 4, 3))
            await _kill(client)
            await client.status("ready")
            await client.complete(URI, 6, 11, is_explicit=True)
        assert "tweety" not in client.stderr

    run(test())
