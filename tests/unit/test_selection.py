"""What serves each role: settings win over `codels models use`, that over the dispatcher; each with its sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from codels.core import Role
from codels.dispatch.selection import Selection, find, is_missing, select
from codels.machine import Machine
from codels.registry import choices, store
from codels.settings import Settings

GB = 1_000_000_000
MACHINE = Machine(threads=4, total_bytes=16 * GB, free_bytes=8 * GB)

Carded = Callable[..., None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "models_folder", lambda: tmp_path / "data" / "models")
    monkeypatch.setattr(store, "cards_folder", lambda: tmp_path / "config" / "models")
    (tmp_path / "config" / "models").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def carded(folder: Path) -> Carded:
    """Writes a user's card: of a file in `folder` with `n_bytes`, or of one on the hub that is not here."""

    def write(id_: str, skills: str = "fim", n_bytes: int = 0, size: int = 0) -> None:
        place = f'path = "{folder / id_}.gguf"' if n_bytes else 'path = "m.gguf"\nrepo = "o/m"'
        text = f'id = "{id_}"\nbackend = "llama.cpp"\nskills = {json.dumps(skills.split())}\n'
        (folder / "config" / "models" / f"{id_}.toml").write_text(f"{text}[[files]]\n{place}\nsize = {size}\n")
        if n_bytes:
            with (folder / f"{id_}.gguf").open("wb") as stream:
                stream.truncate(n_bytes)

    return write


def chosen(selection: Selection, role: Role = Role.COMPLETION) -> str:
    card = selection.choices[role].card
    return card.id if card else ""


def test_with_the_built_in_model_alone_nothing_is_open() -> None:
    selection = select(Settings())
    assert not selection.is_open
    assert [chosen(selection, role) for role in Role] == ["codels-tiny", "codels-tiny", "", ""]
    assert (selection.missing, selection.notices) == ([], [])


def test_with_others_the_machine_is_waited_for(carded: Carded) -> None:
    carded("mine", "fim", n_bytes=300_000_000)
    assert select(Settings()).is_open
    selection = select(Settings(), machine=MACHINE)
    assert not selection.is_open
    assert chosen(selection) == "mine"
    assert selection.choices[Role.COMPLETION].rejected == {"codels-tiny": "smaller than mine"}


def test_one_that_cannot_be_loaded_is_left_out_unless_it_is_named(carded: Carded) -> None:
    carded("mine", "fim", n_bytes=300_000_000)
    selection = select(Settings(), {"mine": "it is cut"})
    assert chosen(selection) == "codels-tiny"
    assert selection.choices[Role.COMPLETION].rejected == {"mine": "it is cut"}
    assert chosen(select(Settings(model="mine"), {"mine": "it is cut"})) == "mine"


NAMED = [
    # settings, what `codels models use` has chosen, who completes, words of the reason
    ({"model": "mine"}, {}, "mine", "codels.model names it"),
    ({"models": ((Role.COMPLETION, "mine"),)}, {}, "mine", "codels.models.completion names it"),
    ({"model": "codels-tiny", "models": ((Role.COMPLETION, "mine"),)}, {}, "mine", "codels.models.completion"),
    ({}, {"completion": "mine"}, "mine", "`codels models use` names it"),
    ({"model": "codels-tiny"}, {"completion": "mine"}, "codels-tiny", "codels.model names it"),
    ({"model": "auto"}, {"completion": "codels-tiny"}, "codels-tiny", "`codels models use` names it"),
    ({}, {"instruct": "codels-tiny"}, "mine", "the biggest that is fast enough"),
    ({}, {"completion": 7}, "mine", "the biggest that is fast enough"),
]


@pytest.mark.parametrize(("settings", "remembered", "id_", "words"), NAMED, ids=range(len(NAMED)))
def test_a_named_model_is_taken_as_it_is(
    carded: Carded, settings: dict[str, object], remembered: dict[str, object], id_: str, words: str
) -> None:
    carded("mine", n_bytes=300_000_000)
    choices.file().write_text(json.dumps(remembered))
    selection = select(Settings(**settings), machine=MACHINE)  # type: ignore[arg-type]
    assert chosen(selection) == id_
    assert words in selection.choices[Role.COMPLETION].reason


BROKEN = [
    # the file of choices (None: a folder in its place), words of the notice
    ("{", "Expecting property name"),
    ("[]", "it must hold an object; `codels models use ID` writes it anew"),
    ("[" * 100_000, "its lists go too deep; `codels models use ID` writes it anew"),
    (None, "choices.json cannot be read: Is a directory; what it chooses does not count"),
]


@pytest.mark.parametrize(("text", "words"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_of_choices_is_told_and_passed_over(carded: Carded, text: str | None, words: str) -> None:
    carded("mine", n_bytes=300_000_000)
    if text is None:
        choices.file().mkdir()
    else:
        choices.file().write_text(text)
    selection = select(Settings(), machine=MACHINE)
    assert chosen(selection) == "mine"
    (notice,) = selection.notices
    assert words in notice


ODD = [
    # the model that the setting names, the one that was chosen, who completes, who is missing, words of reason, notice
    ("nothing", "", "", "", "there is no model 'nothing'", ""),
    ("cut", "", "", "", "has 100 bytes where its card says 200", ""),
    ("away", "", "codels-tiny", "away", "away, which codels.model names, is not on this machine; it is the only", ""),
    (
        "vectors",
        "",
        "codels-tiny",
        "",
        "vectors cannot do this; ",
        "made for embed, not for completion: it does",
    ),
    ("chat", "", "chat", "", "codels.model names it", "chat was made for instruct, not for completion"),
    (
        "",
        "nothing",
        "codels-tiny",
        "",
        "'nothing', which `codels models use` chose, cannot be used; ",
        "no model 'no",
    ),
    ("", "away", "codels-tiny", "away", "away, which `codels models use` names, is not on this machine", ""),
]


@pytest.mark.parametrize(("named", "remembered", "id_", "missing", "words", "notice"), ODD, ids=range(len(ODD)))
def test_a_named_model_that_cannot_be_used(
    carded: Carded, named: str, remembered: str, id_: str, missing: str, words: str, notice: str
) -> None:
    cards = {
        "away": ("fim", 0, 0),
        "cut": ("fim", 100, 200),
        "vectors": ("embed", 100, 0),
        "chat": ("instruct", 100, 0),
    }
    for name in {named, remembered} & set(cards):
        carded(name, *cards[name])
    choices.write(Role.COMPLETION, remembered)
    selection = select(Settings(model=named or "auto"))
    assert chosen(selection) == id_
    assert words in selection.choices[Role.COMPLETION].reason
    assert [card.id for card in selection.missing] == ([missing] if missing else [])
    assert notice in " ".join(selection.notices)
    assert len(selection.notices) == bool(notice)


def test_what_is_missing_and_what_is_here(carded: Carded) -> None:
    carded("away")
    assert is_missing(store.find("away"))
    assert not is_missing(find("codels-tiny"))


def test_a_choice_is_remembered_and_forgotten(folder: Path) -> None:
    assert choices.read() == ({}, "")
    before = choices.stamp()
    choices.write(Role.COMPLETION, "a")
    choices.write(Role.EMBED, "b")
    assert choices.read() == ({Role.COMPLETION: "a", Role.EMBED: "b"}, "")
    choices.write(Role.COMPLETION, "")
    assert choices.read() == ({Role.EMBED: "b"}, "")
    assert choices.stamp() != before
    assert sorted(path.name for path in (folder / "config").iterdir()) == ["choices.json", "models"]


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff", '"completion"'])
def test_a_broken_file_of_choices_is_said_and_ignored(text: str) -> None:
    choices.file().write_text(text, "latin-1")
    selection = select(Settings())
    assert chosen(selection) == "codels-tiny"
    (notice,) = selection.notices
    assert "choices.json cannot be read" in notice
    assert "`codels models use ID` writes it anew" in notice
    choices.write(Role.COMPLETION, "codels-tiny")
    assert select(Settings()).notices == []


def test_the_stamp_changes_with_what_is_pulled_and_removed(folder: Path, carded: Carded) -> None:
    stamps = [choices.stamp()]
    sub = folder / "data" / "models" / "m" / "sub"
    sub.mkdir(parents=True)
    stamps.append(choices.stamp())
    (sub / "m.gguf").touch()
    stamps.append(choices.stamp())
    assert choices.stamp() == stamps[-1]
    (sub / "m.gguf").unlink()
    stamps.append(choices.stamp())
    carded("mine")
    stamps.append(choices.stamp())
    assert len(set(stamps)) == len(stamps)
