"""What the server says about itself, in which units it counts, and how it shows that a model loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsp_session import INLINE, URI, Client, run, server, write_script

from codels.lspclient import NEVER, inline_params

PROGRESS = {**INLINE, "window": {"workDoneProgress": True}}
LOAD_MS = 1000
"""Long enough for a few messages to go to and fro."""

ASTRAL = "s = '😀é'; y = "


def test_a_client_with_inline_completion_is_offered_that_and_no_menu(tmp_path: Path) -> None:
    async def test() -> None:
        more = {"rootPath": "/nowhere", "rootUri": "file:///nowhere", "workspaceFolders": [], "trace": "verbose"}
        async with server(tmp_path, is_ready=False, **more) as client:
            can = client.capabilities
            assert can["inlineCompletionProvider"] == {}
            assert "completionProvider" not in can
            assert can["textDocumentSync"]["openClose"] is True
            assert can["textDocumentSync"]["change"] == 2  # incremental
            assert can["positionEncoding"] == "utf-16"

    run(test())


def test_a_client_without_it_gets_the_same_text_in_its_menu(tmp_path: Path) -> None:
    async def test() -> None:
        async with server(tmp_path, capabilities={"textDocument": {"completion": {}}}) as client:
            assert client.capabilities["completionProvider"]["triggerCharacters"]
            assert client.requests == []  # it cannot show progress either
            client.open(URI, "total = val", "plaintext")
            place = inline_params(URI, 0, 11)
            menu = await client.request("textDocument/completion", place)
            (item,) = menu["items"]
            assert menu["isIncomplete"] is True
            assert item["textEdit"]["newText"] == "valx + 1"
            assert item["filterText"].startswith("val")
            start, end = item["textEdit"]["range"]["start"], item["textEdit"]["range"]["end"]
            assert (start, end) == ({"line": 0, "character": 8}, {"line": 0, "character": 11})
            for line in (1, 99):
                assert (await client.request("textDocument/completion", inline_params(URI, line, 0)))["items"] == []
            assert [i["insertText"] for i in await client.complete(URI, 0, 11)] == ["x + 1"]

    run(test())


@pytest.mark.parametrize(
    ("wanted", "chosen", "character"),
    [
        (["utf-8"], "utf-8", 18),
        (["utf-32", "utf-16"], "utf-32", 14),
        (["utf-7"], "utf-16", 15),
    ],
)
def test_positions_are_counted_in_the_unit_that_the_client_prefers(
    tmp_path: Path, wanted: list[str], chosen: str, character: int
) -> None:
    async def test() -> None:
        capabilities = {**INLINE, "general": {"positionEncodings": wanted}}
        async with server(tmp_path, capabilities=capabilities) as client:
            assert client.capabilities["positionEncoding"] == chosen
            client.open(URI, ASTRAL)
            for asked in (character, 99):
                (item,) = await client.complete(URI, 0, asked)
                assert item["range"]["end"] == {"line": 0, "character": character}
            # Behind the emoji is before the é: in the wrong unit this edit would hit another character.
            at = {"line": 0, "character": character - 7 - {"utf-8": 2}.get(chosen, 1)}
            client.change(URI, 2, {"range": {"start": at, "end": at}, "text": "12345"})
            (item,) = await client.complete(URI, 0, 99)
            assert item["range"]["end"] == {"line": 0, "character": character + 5}

    run(test())


def _kinds(values: list[Any]) -> list[str]:
    return [params["value"]["kind"] for params in values]


def test_every_load_is_shown_once_from_begin_to_end(tmp_path: Path) -> None:
    async def test() -> None:
        model = write_script(tmp_path / "big.json", load_ms=LOAD_MS)
        async with server(tmp_path, model, capabilities=PROGRESS) as client:
            other = write_script(tmp_path / "other.json", load_ms=LOAD_MS)
            client.notify("workspace/didChangeConfiguration", {"settings": {"codels": {"model": other}}})
            await client.until(lambda status: (status["model"], status["state"]) == ("other.json", "ready"))
            tokens = [params["token"] for _, params in client.requests]
            assert len(set(tokens)) == 2
            told = await client.heard("$/progress")
            for token, name in zip(tokens, ("big.json", "other.json"), strict=True):
                _check_progress([params["value"] for params in told if params["token"] == token], name)

    run(test())


def _check_progress(values: list[Any], name: str) -> None:
    begin, *reports, end = values
    assert (begin["kind"], {report["kind"] for report in reports}, end["kind"]) == ("begin", {"report"}, "end")
    assert (begin["title"], begin["message"], end["message"]) == ("codels", f"loading {name}", "ready")
    percents = [begin["percentage"], *(report["percentage"] for report in reports)]
    assert percents == sorted(percents)
    assert percents[-1] > 0


def test_a_load_that_fails_ends_its_progress(tmp_path: Path) -> None:
    async def test() -> None:
        model = tmp_path / "bad.json"
        model.write_text("[" + " " * 10)
        async with server(tmp_path, str(model), is_ready=False, capabilities=PROGRESS) as client:
            await client.heard("window/showMessage")
            await client.settle()
            kinds = _kinds([params for method, params in client.notifications if method == "$/progress"])
            assert kinds in ([], ["begin", "end"], ["begin", "report", "end"])
            assert len(client.told) == 1
            assert "bad.json" in client.told[0]

    run(test())


def test_a_client_that_refuses_progress_gets_none_and_completes(tmp_path: Path) -> None:
    async def test() -> None:
        model = write_script(tmp_path / "big.json", load_ms=LOAD_MS)
        refusing = {"on_request": lambda _method, _params: ValueError("refused"), "capabilities": PROGRESS}
        async with server(tmp_path, model, **refusing) as client:
            assert client.request_ids
            client.open(URI, "y = ")
            assert await client.complete(URI, 0, 4)
            assert client.notifications == []

    run(test())


def test_a_client_that_accepts_progress_when_the_model_is_ready_gets_none(tmp_path: Path) -> None:
    """A progress that nobody ends would stay on the screen."""

    async def test() -> None:
        model = write_script(tmp_path / "big.json", load_ms=LOAD_MS)
        silent = {"on_request": lambda _method, _params: NEVER, "capabilities": PROGRESS}
        async with server(tmp_path, model, **silent) as client:
            client.open(URI, "y = ")
            assert await client.complete(URI, 0, 4)
            (id_,) = client.request_ids
            client._write({"jsonrpc": "2.0", "id": id_, "result": None})
            for _ in range(3):  # its waiting task runs after the first of them
                await client.settle()
            assert client.notifications == []

    run(test())


def test_handshake_while_the_client_is_slow_to_say_initialized(tmp_path: Path) -> None:
    """Nothing is shown before it; what there was to tell is told after it."""

    async def test() -> None:
        client = Client(tmp_path)
        await client.start()
        await client.request(
            "initialize",
            {"processId": None, "rootUri": None, "capabilities": INLINE, "initializationOptions": {"modell": "x"}},
        )
        await client.settle()
        assert client.notifications == []
        client.notify("initialized", {})
        await client.heard("window/showMessage")
        assert "unknown setting 'codels.modell'" in client.told[0]
        assert await client.stop() == 0

    run(test())
