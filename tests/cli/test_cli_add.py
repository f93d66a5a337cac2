"""`codels models add`: a file of the user becomes a model with a name."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from commands import codels

from codels.prompt import Order
from codels.registry import store


@pytest.fixture(autouse=True)
def _cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "cards_folder", lambda: tmp_path / "cards")


@pytest.mark.model
def test_a_file_is_added_with_the_family_of_its_vocabulary(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = app.parent / 'Some "odd" name é.gguf'
    shutil.copyfile(store.locate(store.find("codels-tiny")), file)
    said = codels(capsys, "models", "add", str(file), "--json")
    assert said.code == 0
    assert ": it fills in the middle as family codels, suffix first (" in said.err
    place = app.parent / "cards" / "Some-odd-name.toml"
    row = {"id": "Some-odd-name", "family": "codels", "order": "spm", "card": str(place)}
    assert json.loads(said.out) == row
    card = store.find("Some-odd-name")
    assert (card.family, card.order, store.locate(card)) == ("codels", Order.SPM, file)
    assert store.verify(card)
    other = app.parent / "other" / file.name
    other.parent.mkdir()
    shutil.copyfile(file, other)
    assert "there is a model Some-odd-name already" in codels(capsys, "models", "add", str(other)).err


def test_an_added_model_completes(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.exists()
    said = codels(capsys, "models", "add", "model.json", "--id", "mine")
    assert said.code == 0
    assert said.out.startswith("mine can be used now (family codels, order spm); its card is ")
    assert codels(capsys, "complete", "app.py:5:17", "--model", "mine").out == "ge(10): pass\n"


def test_what_comes_next_is_said(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.exists()
    said = codels(capsys, "models", "add", "model.json", "--id", "mine")
    assert "`codels models use mine` makes it the model for completion, also in editors that are running" in said.out


def test_a_file_that_has_changed_is_added_anew(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = app.parent / "model.json"
    codels(capsys, "models", "add", "model.json", "--id", "mine")
    file.write_text(file.read_text() + "\n")
    assert "fetch the file again, or correct its card" in codels(capsys, "models", "verify", "mine").out
    assert codels(capsys, "models", "add", str(file), "--id", "mine").code == 0
    assert codels(capsys, "models", "verify", "mine").code == 0


NAMES = {
    "a/b": "id must be a name of letters, digits and . _ + -, not 'a/b': choose one with --id",
    "auto": "auto leaves the choice of a model to codels: choose another name with --id",
    "x" * 300: "cannot be written: File name too long",
}


@pytest.mark.parametrize("id_", NAMES, ids=lambda id_: id_[:9])
def test_a_name_that_no_card_can_have_is_refused(app: Path, capsys: pytest.CaptureFixture[str], id_: str) -> None:
    said = codels(capsys, "models", "add", "model.json", "--id", id_)
    assert (said.code, said.out) == (2, "")
    assert NAMES[id_] in said.err
    assert not list((app.parent / "cards").glob("*"))


def test_a_file_whose_name_is_no_text_is_refused(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"\xff.json")
    shutil.copyfile(app.parent / "model.json", app.parent / name)
    said = codels(capsys, "models", "add", name, "--id", "mine")
    assert (said.code, said.out) == (2, "")
    assert "is not UTF-8, which a card must be: give it another name" in said.err
    assert not list((app.parent / "cards").glob("*"))


def test_a_folder_that_cannot_be_written_is_named(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (app.parent / "cards").write_text("a file")
    said = codels(capsys, "models", "add", "model.json", "--id", "mine")
    assert (said.code, said.out) == (2, "")
    assert "mine.toml cannot be written: " in said.err


def test_a_card_that_is_there_is_not_written_over(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (app.parent / "cards").mkdir()
    (app.parent / "cards" / "mine.toml").write_text("id = ]")
    said = codels(capsys, "models", "add", "model.json", "--id", "mine")
    assert (said.code, said.out) == (2, "")
    assert "mine.toml exists, but its card is broken or another model's: choose another name with --id" in said.err
    assert (app.parent / "cards" / "mine.toml").read_text() == "id = ]"
