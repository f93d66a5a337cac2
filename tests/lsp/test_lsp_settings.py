"""Whatever a client says about settings, or never answers, the server runs and complains once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lsp_session import INLINE, URI, Client, run, server, write_script
from shared_server import Shared, serving

from codels.lspclient import NEVER, Json


@pytest.fixture(scope="module")
def complaining(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """A server whose complaints these tests read; they are taken away before the fixture looks for any."""
    folder = tmp_path_factory.mktemp("server")
    for shared in serving(folder, write_script(folder / "model.json")):
        yield shared
        shared.client.notifications.clear()


def _told_by(shared: Shared, settings: object) -> list[str]:
    """What the user is shown after these settings were sent three times."""
    n_before = len(shared.client.told)
    for _ in range(3):
        shared.configure(settings)
    return shared.client.told[n_before:]


WRONG = [
    # settings, a word of each sentence
    ({"codels": {"modell": "x"}}, ["unknown setting 'codels.modell'; known are"]),
    ({"codels": {"maxTokens": "many"}}, ["'codels.maxTokens' must be a whole number from 1 to 2048, not 'many'; 96"]),
    ({"codels": {"max_tokens": 0}}, ["'codels.max_tokens' must be a whole number"]),
    ({"codels": {"max_tokens": True}}, ["not True"]),
    ({"codels": {"max_ms": 1e99}}, ["'codels.max_ms' must be"]),
    ({"codels": {"temperature": -1}}, ["'codels.temperature' must be a number from 0 to 2"]),
    ({"codels": {"enable": "yes"}}, ["'codels.enable' must be true or false, not 'yes'; True is used"]),
    ({"codels": {"disabledLanguages": "markdown"}}, ["must be a list of language ids"]),
    ({"codels": {"disabledLanguages": ["a", 3]}}, ["must be a list of language ids"]),
    ({"codels": {"model": ""}}, ["'codels.model' must be a model id"]),
    ({"codels": {"model": ["x"]}}, ["'codels.model' must be a model id"]),
    ({"codels": {"a": 1, "b": 2, "candidates": 99}}, ["'codels.a'", "'codels.b'", "'codels.candidates'"]),
    ({"codels": "on"}, ["must be an object, not 'on'"]),
    ({"codels": [1]}, ["must be an object, not [1]"]),
    ({"codels": 0}, ["must be an object, not 0"]),
    # What is not for us, or says nothing.
    ({"codels": []}, []),
    ({"codels": {}}, []),
    ({"python": {"model": 3}}, []),
    ({}, []),
    ("nonsense", []),
    ([1, 2], []),
    (True, []),
    ({"codels": {"": {}}}, ["unknown setting 'codels.'"]),
    ({"codels": {"é\ud800": {}}}, ["unknown setting"]),
    ({"codels": {"model": "no-such-model"}}, ["there is no model 'no-such-model'; `codels models list` shows"]),
    ({"codels": {"model": "/nowhere/x.gguf"}}, ["/nowhere/x.gguf does not exist"]),
    ({"codels": {"model": "~nobody-here/x.gguf"}}, ["~nobody-here"]),
    ({"codels": {"model": "x" * 5000 + ".gguf"}}, ["File name too long"]),
    ({"codels": {"model": "a\0b.gguf"}}, [".gguf"]),
    ({"codels": {"model": "/etc/passwd"}}, ["there is no model '/etc/passwd'"]),
]


@pytest.mark.parametrize(("settings", "sentences"), WRONG, ids=lambda value: repr(value)[:40])
def test_what_is_wrong_is_said_once_and_the_server_goes_on(
    complaining: Shared, tmp_path: Path, settings: object, sentences: list[str]
) -> None:
    told = _told_by(complaining, settings)
    assert len(told) == len(sentences)
    for message, sentence in zip(told, sentences, strict=True):
        assert sentence in message
        assert message.startswith("codels: ")
    model = write_script(tmp_path / "after.json")
    complaining.configure({"codels": {"model": model}})
    complaining.run(complaining.client.until(lambda s: (s["model"], s["state"]) == ("after.json", "ready")))
    assert complaining.complete("y = ", 0, 4)


def test_a_model_file_that_cannot_be_loaded_is_said_once(complaining: Shared, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(b"GGUF" + bytes(100))
    settings = {"codels": {"model": str(tmp_path / "cut.gguf")}}
    n_before = len(complaining.client.told)
    complaining.configure(settings)
    complaining.run(complaining.client.status("failed"))
    complaining.configure(settings)
    (message,) = complaining.client.told[n_before:]
    assert "cut.gguf cannot be loaded" in message
    assert complaining.complete("y = ", 0, 4) == []
    assert "cut.gguf cannot be loaded" in complaining.reason()


def test_a_model_without_markers_is_used_with_one_notice(complaining: Shared, tmp_path: Path) -> None:
    model = write_script(tmp_path / "plain.json", markers=["<|end|>"])
    n_before = len(complaining.client.told)
    complaining.configure({"codels": {"model": model}})
    complaining.run(complaining.client.until(lambda s: (s["model"], s["state"]) == ("plain.json", "ready")))
    for max_tokens in (10, 20):
        complaining.configure({"codels": {"model": model, "max_tokens": max_tokens}})
        assert complaining.complete("y = ", 0, 4, is_explicit=True)[0]["insertText"] == "x + 1"
    (message,) = complaining.client.told[n_before:]
    assert "only sees the text before the caret" in message


@pytest.mark.parametrize("settings", [None, {"codels": None}])
def test_null_says_nothing_and_changes_nothing(complaining: Shared, settings: object) -> None:
    complaining.use(answers={"": "kept()"})
    assert _told_by(complaining, settings) == []
    assert complaining.complete("y = ", 0, 4)[0]["insertText"] == "kept()"


def test_settings_take_effect_while_the_server_runs(complaining: Shared) -> None:
    complaining.use({"enable": False})
    assert complaining.complete("y = ", 0, 4) == []
    assert "codels.enable" in complaining.reason()
    assert complaining.complete("y = ", 0, 4, is_explicit=True)
    complaining.use({"disabledLanguages": ["python"]})
    assert complaining.complete("y = ", 0, 4) == []
    assert "codels.disabled_languages" in complaining.reason()
    assert complaining.complete("y = ", 0, 4, language="lua")
    complaining.use({"multiline": False}, answers={"": "    return 1\n    return 2\n"})
    assert complaining.complete("def f():\n", 1, 0)[0]["insertText"] == "    return 1"


@pytest.mark.parametrize("options", [{"codels": None}, "nonsense"], ids=repr)
def test_odd_initialization_options_leave_the_defaults(tmp_path: Path, options: object) -> None:
    async def test() -> None:
        async with server(tmp_path, options=options) as client:
            assert (await client.status())["model"] == "codels-tiny"
            assert len(client.told) == (0 if isinstance(options, dict) else 1)

    run(test())


def test_no_initialization_options_leave_the_defaults(tmp_path: Path) -> None:
    async def test() -> None:
        client = Client(tmp_path)
        await client.start()
        await client.initialize(None, INLINE)
        assert (await client.status("ready"))["model"] == "codels-tiny"
        assert await client.stop() == 0

    run(test())


ANSWERS = [None, [], [None], {}, {"a": 1}, "text", 7, [7, 8], ["x"], ValueError("I will not say"), [{"modell": 1}]]


def test_a_client_that_answers_configuration_with_anything_at_all(tmp_path: Path) -> None:
    """Its last answer is a good one, and it is used."""
    good = [{"model": write_script(tmp_path / "good.json")}]
    answers: Iterator[Any] = iter([*ANSWERS, good])

    async def test() -> None:
        capabilities: Json = {**INLINE, "workspace": {"configuration": True}}
        configure = {"on_request": lambda _method, _params: next(answers), "capabilities": capabilities}
        async with server(tmp_path, **configure) as client:
            for n in range(len(ANSWERS)):
                client.notify("workspace/didChangeConfiguration", {"settings": None})
                while len(client.requests) < n + 2:
                    await client.settle()
            await client.until(lambda status: status["model"] == "good.json" and status["state"] == "ready")
            client.open(URI, "y = ")
            assert await client.complete(URI, 0, 4)
            assert client.requests[0] == ("workspace/configuration", {"items": [{"section": "codels"}]})
            assert len(set(client.told)) == len(client.told)
            for sentence in ("must be an object, not 7;", "must be an object, not 'x';", "setting 'codels.modell';"):
                assert [sentence in message for message in client.told].count(True) == 1

    run(test())


def test_a_client_that_never_answers_configuration(tmp_path: Path) -> None:
    async def test() -> None:
        capabilities: Json = {**INLINE, "workspace": {"configuration": True}}
        silent = {"on_request": lambda _method, _params: NEVER, "capabilities": capabilities}
        async with server(tmp_path, **silent) as client:
            client.open(URI, "y = ")
            assert await client.complete(URI, 0, 4)
            assert client.requests
            assert client.told == []

    run(test())
