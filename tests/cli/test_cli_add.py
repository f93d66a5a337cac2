"""`codels models add`: a file of the user becomes a model with a name."""

from __future__ import annotations

import json
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
    assert "there is a model Some-odd-name already" in codels(capsys, "models", "add", str(file)).err


def test_an_added_model_completes(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.exists()
    said = codels(capsys, "models", "add", "model.json", "--id", "mine")
    assert said.code == 0
    assert said.out.startswith("mine can be used now (family codels, order spm); its card is ")
    assert codels(capsys, "complete", "app.py:5:17", "--model", "mine").out == "ge(10): pass\n"


def test_a_name_that_no_card_can_have_is_refused(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = codels(capsys, "models", "add", "model.json", "--id", "a/b")
    assert (said.code, said.out) == (2, "")
    assert "id must be a name of letters, digits and . _ + -, not 'a/b'" in said.err
    assert not (app.parent / "cards").exists()


def test_a_card_that_is_there_is_not_written_over(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (app.parent / "cards").mkdir()
    (app.parent / "cards" / "mine.toml").write_text("id = ]")
    said = codels(capsys, "models", "add", "model.json", "--id", "mine")
    assert (said.code, said.out) == (2, "")
    assert "mine.toml exists, but its card is broken or another model's: choose another name with --id" in said.err
    assert (app.parent / "cards" / "mine.toml").read_text() == "id = ]"
