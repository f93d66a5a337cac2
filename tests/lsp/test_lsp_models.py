"""Models change while an editor runs: by settings, by `codels models use`, by files that come and go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lsp_session import MINUTE, URI, Client, run, server, write_script
from scripted import write_card

from codels.lspclient import Json


class Home:
    """A user's folders, with scripted models that have names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cards = folder / "config" / "codels" / "models"
        self.cards.mkdir(parents=True)
        self.env = {f"XDG_{name.upper()}_HOME": str(folder / name) for name in ("config", "data", "cache")}

    def add(self, name: str, skills: tuple[str, ...] = ("fim",), **script: object) -> Path:
        """A model that says its name."""
        path = self.folder / f"{name}.json"
        write_script(path, **{"answers": {"": f"{name}()\n"}, **script})
        write_card(self.cards, name, path, *skills)
        return path

    def codels(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, **self.env}
        command = [sys.executable, "-m", "codels", *arguments]
        return subprocess.run(command, env=env, cwd=self.folder, capture_output=True, text=True, check=False)

    @asynccontextmanager
    async def server(self, options: Json | None = None) -> AsyncIterator[Client]:
        async with server(self.folder, options=options or {}, env=self.env) as client:
            client.open(URI, "y = ")
            yield client


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def serves(client: Client, name: str) -> Json:
    """Wait until a model is ready; its answer at the end of `y = `."""
    status = await client.until(lambda status: (status["model"], status["state"]) == (name, "ready"))
    (item,) = await client.complete(URI, 0, 4)
    assert item["insertText"] == f"{name}()"
    return status


def test_a_model_that_is_chosen_in_a_terminal_serves_the_running_editor(home: Home) -> None:
    home.add("first")
    home.add("second")

    async def test() -> None:
        assert home.codels("models", "use", "first").returncode == 0
        async with home.server() as client:
            status = await serves(client, "first")
            assert status["roles"]["completion"]["reason"] == "`codels models use` names it"
            assert home.codels("models", "use", "second").returncode == 0
            await serves(client, "second")
            assert home.codels("models", "use", "auto").returncode == 0
            status = await client.until(lambda status: "models use" not in status["roles"]["completion"]["reason"])
            assert client.told == []

    run(test())


def test_meanwhile_requests_are_answered_with_the_reason(home: Home) -> None:
    home.add("first")
    home.add("slow", load_ms=MINUTE)

    async def test() -> None:
        async with home.server({"model": "first"}) as client:
            await serves(client, "first")
            client.notify("workspace/didChangeConfiguration", {"settings": {"codels": {"model": "slow"}}})
            assert await client.complete(URI, 0, 4) == []
            assert await client.reason() == "loading slow.json"
            client.notify("workspace/didChangeConfiguration", {"settings": {"codels": {"model": "first"}}})
            await serves(client, "first")

    run(test())


def test_the_editor_s_setting_wins_over_what_was_chosen(home: Home) -> None:
    home.add("first")
    home.add("second")

    async def test() -> None:
        async with home.server({"models": {"completion": "first"}}) as client:
            await serves(client, "first")
            home.codels("models", "use", "second")
            home.add("third")  # the watch sees both
            await client.until(lambda status: "third" in str(status["roles"]["docstring"]))
            await serves(client, "first")
            client.notify("workspace/didChangeConfiguration", {"settings": {"codels": {}}})
            await serves(client, "second")

    run(test())


def test_what_comes_and_goes_is_noticed(home: Home) -> None:
    """The card, its file, and the choice between what is there."""

    async def test() -> None:
        async with home.server() as client:
            assert (await client.status("ready"))["model"] == "codels-tiny"
            home.add("chat", ("instruct",))
            status = await client.until(lambda status: status["roles"]["instruct"]["model"])
            assert status["roles"]["instruct"]["model"] == "chat"
            (home.cards / "chat.toml").unlink()
            status = await client.until(lambda status: not status["roles"]["instruct"]["model"])
            assert "no model on this machine has the skill instruct" in status["roles"]["instruct"]["reason"]
            assert (status["model"], status["state"]) == ("codels-tiny", "ready")
            assert client.told == []

    run(test())


def test_a_model_whose_file_is_another_now_is_loaded_again(home: Home) -> None:
    path = home.add("first")

    async def test() -> None:
        async with home.server({"model": "first"}) as client:
            await serves(client, "first")
            write_script(path, answers={"": "again()\n"})
            client.notify("workspace/didChangeConfiguration", {"settings": {"codels": {"model": "first"}}})
            while not (items := await client.complete(URI, 0, 4, is_explicit=True)):
                assert await client.reason() == "loading first.json"
            assert items[0]["insertText"] == "again()"

    run(test())


@pytest.mark.parametrize(
    ("script", "sentence"),
    [({"answers": 7}, "big.json must be an object"), ({"dies_loading": True}, "the engine died (exit code 11)")],
)
def test_a_model_that_was_chosen_and_cannot_be_loaded_gives_way(home: Home, script: Json, sentence: str) -> None:
    path = home.add("big", **script)
    path.write_text(path.read_text().ljust(100_000_000))  # bigger than the built-in model

    async def test() -> None:
        async with home.server() as client:
            status = await client.until(lambda status: (status["model"], status["state"]) == ("codels-tiny", "ready"))
            assert sentence in status["roles"]["completion"]["rejected"]["big"]
            (told,) = client.told
            assert sentence in told

    run(test())


GPU_DEATH = (
    "codels: the engine died (signal 11) while it loaded {}.json onto CUDA0 RTX: the CPU is used instead; is the GPU's "
    "driver up to date, and made for this llama-cpp-python? codels.gpu_layers 0 spares the try"
)


@pytest.mark.parametrize("model", ["big", "auto"])
def test_a_model_that_a_gpu_kills_serves_from_the_cpu(home: Home, model: str) -> None:
    path = home.add("big", gpu="CUDA0 RTX", dies_on_gpu=True)
    path.write_text(path.read_text().ljust(100_000_000))  # bigger than the built-in model

    async def test() -> None:
        async with home.server({"model": model}) as client:
            status = await serves(client, "big")
            assert client.told == [GPU_DEATH.format("big")]
            assert ["codels: " + sentence for sentence in status["plan"]] == client.told

    run(test())


USES = [
    # arguments, exit code, words on standard output, words on standard error
    (["first"], 0, "completion: first; an editor's setting codels.models.completion would win over it", ""),
    (["first", "--role", "docstring"], 0, "docstring: first;", ""),
    (["first", "--role", "instruct"], 0, "instruct: first;", "first was made for fim, not for instruct: it continues"),
    (["first.json"], 0, "completion: first.json;", ""),
    (["auto"], 0, "completion: the best model that is here;", ""),
    (["qwen2.5-coder-0.5b"], 0, "qwen2.5", "not on this machine yet: `codels models pull qwen2.5-coder-0.5b` fetches"),
    (["first", "--role", "embed"], 2, "", "first was made for fim, not for embed: it gives no vectors"),
    (["nothing"], 2, "", "there is no model 'nothing'; `codels models list` shows"),
    (["nothing.gguf"], 2, "", "nothing.gguf does not exist"),
    (["page.gguf"], 2, "", "page.gguf is not a GGUF file (it begins with b'<htm'); convert it, or name another one"),
    (["empty.gguf"], 2, "", "empty.gguf is empty. Fetch the file again"),
    (["first", "--role", "sing"], 2, "", "invalid choice"),
]


@pytest.mark.parametrize(("arguments", "code", "out", "err"), USES, ids=lambda value: repr(value)[:40])
def test_choosing_says_what_it_does(home: Home, arguments: list[str], code: int, out: str, err: str) -> None:
    home.add("first")
    (home.folder / "page.gguf").write_text("<html>")
    (home.folder / "empty.gguf").touch()
    said = home.codels("models", "use", *arguments)
    assert said.returncode == code
    assert out in said.stdout
    assert err in said.stderr
    assert bool(said.stderr) == bool(err)
    assert (home.cards.parent / "choices.json").exists() == (code == 0)


def test_choosing_as_json_and_for_the_next_command(home: Home) -> None:
    home.add("first")
    row = json.loads(home.codels("models", "use", "first.json", "--json").stdout)
    assert row == {"role": "completion", "id": "first.json", "is_here": True, "notes": []}
    assert json.loads((home.cards.parent / "choices.json").read_text()) == {
        "completion": str(home.folder / "first.json")
    }
    (home.folder / "app.py").write_text("y = ")
    assert home.codels("complete", "app.py:1:5").stdout == "first()\n"
    said = home.codels("doctor").stdout
    assert "✓ model first.json: any language" in said
    assert "  completion: first.json: `codels models use` names it\n" in said
    assert "  instruct: none: no model on this machine has the skill instruct" in said
