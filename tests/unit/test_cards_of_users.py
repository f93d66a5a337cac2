"""Cards in the user's configuration, the choice among files, and what is said of a model that is not there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from codels.errors import ModelError, UserError
from codels.registry import pins, store
from codels.registry.card import ModelCard, ModelFile
from codels.registry.pins import Pin
from codels.runtime import Runtime
from codels.settings import Settings

CARD = 'id = "{id}"\nbackend = "llama.cpp"\n[[files]]\npath = "{path}"\n'
HUB = ModelCard(
    "m",
    "llama.cpp",
    (ModelFile("a.gguf", repo="o/m", quantisation="Q4_0"), ModelFile("b.gguf", repo="o/m", quantisation="Q8_0")),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds the user's folders of cards and of models."""
    monkeypatch.setattr(store, "cards_folder", lambda: tmp_path / "cards")
    monkeypatch.setattr(store, "models_folder", lambda: tmp_path / "models")
    (tmp_path / "cards").mkdir()
    return tmp_path


def put(path: Path, data: bytes = b"GGUF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_card_of_the_user_is_a_model(home: Path) -> None:
    put(home / "cards" / "x.toml", CARD.format(id="mine", path="some.gguf").encode())
    file = put(home / "models" / "some.gguf")
    assert store.locate(store.find("mine")) == file


def test_a_card_of_the_user_goes_before_the_one_of_the_package(home: Path) -> None:
    put(home / "cards" / "x.toml", CARD.format(id="codels-tiny", path="/some.gguf").encode())
    assert store.find("codels-tiny").files[0].path == str(Path("/some.gguf").absolute())


BROKEN = [
    # what a card contains, and words of the sentence about it
    (b"id = ]", "x.toml is not valid: "),
    (b'id = "m"\n', "x.toml is not valid: backend is missing"),
    (b"\xff", "x.toml cannot be read: 'utf-8' codec can't decode"),
    (CARD.format(id="ok", path="some.gguf").encode(), "x.toml has the id ok, as another one before it"),
    (CARD.format(id="m", path="~nobody-here/some.gguf").encode(), "x.toml cannot be read: "),
]


@pytest.mark.parametrize(("data", "words"), BROKEN)
def test_a_broken_card_is_named_and_skipped(home: Path, data: bytes, words: str) -> None:
    put(home / "cards" / "a.toml", CARD.format(id="ok", path="ok.gguf").encode())
    put(home / "cards" / "x.toml", data)
    found, (problem,) = store.user_cards()
    assert list(found) == ["ok"]
    assert problem.startswith(f"the model card {home / 'cards' / 'x.toml'}")
    assert words in problem.replace(str(home / "cards") + "/", "")
    assert problem.endswith("; it is skipped")


def test_who_names_a_model_with_a_broken_card_hears_of_it(home: Path) -> None:
    put(home / "cards" / "mine.toml", b"id = ]")
    with pytest.raises(UserError, match=r"there is no model 'mine': the model card .*mine\.toml is not valid: "):
        store.find("mine")
    with pytest.raises(UserError, match="there is no model 'ine'; "):
        store.find("ine")


def test_a_file_that_is_none_is_named_with_its_card(home: Path) -> None:
    put(home / "cards" / "x.toml", CARD.format(id="mine", path=home / "cards").encode())
    with pytest.raises(ModelError, match=r"cards is no file; correct its path in the card of mine \("):
        store.locate(store.find("mine"))


@pytest.mark.parametrize("name", ["m.GGUF", "m.gguf"])
def test_a_path_is_a_model_however_its_name_is_written(home: Path, name: str) -> None:
    assert store.find(str(home / name)).backend == "llama.cpp"


def test_a_folder_in_place_of_a_card_is_skipped(home: Path) -> None:
    (home / "cards" / "x.toml").mkdir()
    found, (problem,) = store.user_cards()
    assert (found, problem[-14:]) == ({}, " it is skipped")


def test_the_server_tells_of_a_broken_card_once_and_goes_on(home: Path) -> None:
    put(home / "cards" / "x.toml", b"id = ]")
    notices: list[str] = []
    runtime = Runtime(lambda _status: None, notices.append)
    runtime.engine.load = lambda _spec: None  # type: ignore[method-assign]
    runtime.configure(Settings())
    runtime.configure(Settings(candidates=2))
    (notice,) = notices
    assert "x.toml is not valid" in notice
    assert runtime.card is not None


@pytest.mark.parametrize("choice", ["Q8_0", "q8_0"])
def test_a_quantisation_is_chosen(choice: str) -> None:
    chosen = HUB.choose(choice)
    assert (chosen.id, chosen.name, chosen.files) == ("m:Q8_0", "m", HUB.files[1:])


@pytest.mark.parametrize("choice", ["Q5_0", ""])
def test_a_quantisation_that_is_not_there_is_named_with_those_that_are(choice: str) -> None:
    with pytest.raises(UserError) as error:
        HUB.choose(choice)
    assert str(error.value) == f"the model m has no quantisation {choice!r}; there are: Q4_0, Q8_0"


def test_what_is_there_is_found_whatever_its_quantisation(home: Path) -> None:
    second = put(home / "models" / "m" / "b.gguf")
    assert store.locate(HUB) == second
    first = put(home / "models" / "m" / "a.gguf")
    assert store.locate(HUB) == first
    assert store.locate(HUB.choose("Q8_0")) == second


@pytest.mark.parametrize("card", [HUB, HUB.choose("Q8_0")], ids=lambda card: card.id)
def test_a_known_model_that_is_not_there_is_named_with_the_command(card: ModelCard) -> None:
    with pytest.raises(ModelError) as error:
        store.locate(card)
    assert str(error.value) == (
        f"the model {card.id} is not on this machine: `codels models pull {card.id}` fetches it"
    )


def test_parts_of_one_model_are_needed_all(home: Path) -> None:
    card = ModelCard("m", "llama.cpp", (ModelFile("a", repo="o/m"), ModelFile("sub/b", repo="o/m")))
    first = put(home / "models" / "m" / "a")
    with pytest.raises(ModelError, match="is not on this machine"):
        store.locate(card)
    put(home / "models" / "m" / "sub" / "b")
    assert store.locate(card) == first


GOOD, OTHER = hashlib.sha256(b"good").hexdigest(), hashlib.sha256(b"other").hexdigest()

PINS = [
    # the card's file, its pin, what is known of it
    (ModelFile("a", repo="o/m"), Pin("o/m", "c", 4, GOOD), ModelFile("a", 4, GOOD, "o/m", "c")),
    (ModelFile("a", 4, GOOD, "o/m", "r"), Pin("o/m", "c", 4, GOOD), ModelFile("a", 4, GOOD, "o/m", "c")),
    (ModelFile("a", 5, OTHER, "o/m"), Pin("o/m", "c", 4, GOOD), ModelFile("a", 5, OTHER, "o/m")),
    (ModelFile("a", repo="o/other"), Pin("o/m", "c", 4, GOOD), ModelFile("a", repo="o/other")),
]


@pytest.mark.parametrize(("file", "pin", "known"), PINS)
def test_a_pin_fills_in_what_the_card_leaves_open(tmp_path: Path, file: ModelFile, pin: Pin, known: ModelFile) -> None:
    pins.write(tmp_path / "a", pin)
    assert pins.read(tmp_path / "a") == pin
    assert pins.pinned(file, tmp_path / "a") == known
    assert [path.name for path in tmp_path.glob("a*")] == ["a.pin.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"repo": 1, "commit": 1, "size": "x", "sha256": 1}'])
def test_a_record_that_is_none_is_not_heeded(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.pin.json").write_text(text)
    assert pins.read(tmp_path / "a") is None


def test_a_pulled_file_is_verified_by_its_pin(home: Path) -> None:
    card = ModelCard("m", "llama.cpp", (ModelFile("a", repo="o/m"),))
    path = put(home / "models" / "m" / "a", b"good")
    pins.write(path, Pin("o/m", "c", 4, GOOD))
    assert store.verify(card)
    path.write_bytes(b"evil")
    assert not store.verify(card)
    path.write_bytes(b"longer")
    with pytest.raises(ModelError, match=r"has 6 bytes where its card says 4: .*; `codels models pull m` fetches it"):
        store.verify(card)
