"""A model that is served elsewhere, from its card to a suggestion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import codels
from model_server import ModelServer, serving

from codels.core import Role
from codels.dispatch.selection import select
from codels.prompt.families import FAMILIES
from codels.registry import choices, store
from codels.settings import Settings

KEY = "sk-secret-0815"
CARD = """id = "{id}"
backend = "remote"
family = "qwen2.5-coder"
[remote]
url = "{url}"
model = "m"
kind = "{kind}"
key_env = "MODEL_KEY"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "cards_folder", lambda: tmp_path / "models")
    monkeypatch.setenv("MODEL_KEY", KEY)
    (tmp_path / "models").mkdir()
    return tmp_path


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(ModelServer("ge(10): pass\n", markers=FAMILIES["qwen2.5-coder"].all_markers)) as model:
        yield model


def write(id_: str, url: str, kind: str = "openai") -> None:
    (store.cards_folder() / f"{id_}.toml").write_text(CARD.format(id=id_, url=url, kind=kind), "utf-8")


@pytest.mark.parametrize(("kind", "path"), [("openai", "/v1"), ("llama-server", "")])
def test_it_is_chosen_and_completes(
    server: ModelServer, app: Path, kind: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("there", server.address + path, kind)
    assert app.exists()
    assert codels(capsys, "models", "use", "there") == (
        0, "completion: there; an editor's setting codels.models.completion would win over it\n", ""
    )  # fmt: skip
    assert codels(capsys, "complete", "app.py:5:17") == (0, "ge(10): pass\n", "")
    prompt = server.prompts[-1]
    shown = "".join(piece for piece in prompt if isinstance(piece, str))
    assert "    for i in ran" in shown, "the caret stands inside a word, which is not healed"
    assert codels(capsys, "models", "use", "auto").code == 0


def test_doctor_says_what_was_reached(server: ModelServer, app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("there", server.address + "/v1")
    assert app.exists()
    said = codels(capsys, "doctor", "there")
    assert said.code == 0, said
    assert f"✓ model there: any language; served at {server.address}/v1 (openai); no file here" in said.out
    assert f"{server.address}/v1 answered in " in said.out
    assert "it says how likely its tokens are" in said.out
    assert "`return width *` is followed by `nothing (filtered: it would add a syntax error)`" in said.out
    assert "family qwen2.5-coder, order psm, context window 4096 tokens" in said.out
    assert KEY not in said.out + said.err


def test_doctor_says_what_was_not_reached(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("there", "http://127.0.0.1:9/v1")
    assert app.exists()
    said = codels(capsys, "doctor", "there")
    assert (said.code, "127.0.0.1:9 cannot be reached: is the server running" in said.out) == (1, True)


def test_models_commands_know_it(server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    write("there", server.address + "/v1")
    row = next(row for row in json.loads(codels(capsys, "models", "list", "--json").out) if row["id"] == "there")
    assert (row["is_here"], row["problem"], row["size_bytes"]) == (True, "", 0)
    assert f"served at        {server.address}/v1" in codels(capsys, "models", "info", "there").out
    for command in (["path"], ["rm"], ["pull"], ["verify"]):
        said = codels(capsys, "models", *command, "there")
        assert said.code != 0, command
        assert "served at" in said.out + said.err or "not on the hub" in said.err, command
    assert server.seen == [], "nobody asks the server for that"


def test_nobody_uses_it_who_has_not_named_it() -> None:
    write("there", "https://models.example/v1")
    selection = select(Settings())
    assert all(choice.card is None or choice.card.id != "there" for choice in selection.choices.values())
    assert selection.notices == []


def test_the_user_is_told_that_code_leaves_the_machine() -> None:
    write("there", "https://models.example/v1")
    write("here", "http://localhost:8000/v1")
    told = ["there: the source code around the caret leaves this machine: it is sent to models.example"]
    assert select(Settings(model="there")).notices == told
    assert select(Settings(model="here")).notices == []


def test_offline_forbids_all_hosts_but_loopback() -> None:
    write("there", "https://models.example/v1")
    write("here", "http://localhost:8000/v1")
    choice = select(Settings(model="there", offline=True)).choices[Role.COMPLETION]
    assert (choice.card, choice.reason) == (
        None,
        "there is served by models.example, which is not this machine, and codels.offline is set: choose a model on "
        "this machine, or unset codels.offline",
    )
    here = select(Settings(model="here", offline=True)).choices[Role.COMPLETION].card
    assert here is not None
    assert here.id == "here"
    choices.write(Role.COMPLETION, "there")
    selection = select(Settings(offline=True))
    assert any("codels.offline is set" in notice for notice in selection.notices)
    assert all("leaves this machine" not in notice for notice in selection.notices)
    assert selection.choices[Role.COMPLETION].card != store.find("there")
