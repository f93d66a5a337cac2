"""LoRA adapters of a card: found, pulled, checked and removed together with the model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hub import SIZE, Cards, Hub, fetch

from codels.commands import models as commands
from codels.commands.remove import remove
from codels.dispatch.loading import load_spec
from codels.errors import ModelError, UserError
from codels.registry import pins, store
from codels.registry.card import AdapterFile, ModelCard, ModelFile
from codels.registry.memory import estimate
from codels.settings import Settings


@pytest.fixture
def adapted(card: Cards, hub: Hub) -> ModelCard:
    return replace(card(), adapters=(AdapterFile("sub/lora.gguf", SIZE, hub.sha256, "o/lora", scale=0.5),))


def test_it_is_pulled_with_the_model_and_goes_to_the_engine(hub: Hub, adapted: ModelCard, models: Path) -> None:
    with pytest.raises(ModelError, match="`codels models pull m` fetches it"):
        store.locate(adapted)
    assert fetch(adapted) == models / "m" / "sub" / "m.gguf"
    lora = models / "m" / "sub" / "lora.gguf"
    assert pins.read(lora) == pins.Pin("o/lora", "c" * 40, SIZE, hub.sha256)
    assert store.verify(adapted)
    (adapter,) = load_spec(adapted, Settings()).adapters
    assert (adapter.path, adapter.scale) == (str(lora), 0.5)
    n_seen = len(hub.seen)
    lora.unlink()
    with pytest.raises(ModelError, match="`codels models pull m` fetches it"):
        load_spec(adapted, Settings())
    fetch(adapted)
    assert [path for _, path, _ in hub.seen[n_seen:]][:1] == [f"/o/lora/resolve/{'c' * 40}/sub/lora.gguf"]
    lora.write_bytes(hub.data[::-1])
    assert not store.verify(adapted)
    lora.write_bytes(b"short")
    with pytest.raises(ModelError, match=r"lora\.gguf has 5 bytes where its card says 3000000"):
        store.locate(adapted)


def test_one_on_the_hub_for_a_model_of_the_users(hub: Hub, tmp_path: Path, models: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF")
    card = ModelCard("m", "llama.cpp", (ModelFile(str(own)),), adapters=(AdapterFile("lora.gguf", repo="o/lora"),))
    assert fetch(card) == own
    assert (models / "m" / "lora.gguf").read_bytes() == hub.data


def test_one_of_the_users_for_a_model_of_the_hub_is_never_removed(
    hub: Hub, tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = (
        f'id = "m"\nbackend = "llama.cpp"\n[[files]]\npath = "sub/m.gguf"\nrepo = "o/m"\nsha256 = "{hub.sha256}"\n'
        '[[adapters]]\npath = "own.gguf"\nscale = 2\n'
    )
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "m.toml").write_text(toml)
    found = store.find("m")
    with pytest.raises(ModelError, match=r"own\.gguf does not exist; correct its path in the card of m, or remove it"):
        fetch(found)
    own = models / "own.gguf"
    own.write_bytes(b"GGUF")
    pulled = fetch(found)
    assert store.adapters(found) == ((str(own), 2),)

    assert commands.info("m", is_json=True) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["adapters"], row["size_bytes"]) == ([f"{own} (scale 2)"], SIZE + 4)
    assert row["paths"] == [str(pulled), str(own)]
    assert commands.verify(["m"], is_json=False) == 0
    assert capsys.readouterr().out == "✓ m: its sha256 is as it should be; no hash is known of own.gguf\n"
    assert remove("m", is_json=False) == 0
    assert capsys.readouterr().out == f"removed {pulled}: 3.0 MB; {own} stays\n"
    assert own.exists()


def test_a_model_of_the_users_with_one_of_the_users_is_not_pulled(tmp_path: Path) -> None:
    for name in ("m", "a"):
        (tmp_path / name).write_bytes(b"GGUF")
    files = (ModelFile(str(tmp_path / "m")),)
    card = ModelCard("m", "llama.cpp", files, adapters=(AdapterFile(str(tmp_path / "a")),))
    with pytest.raises(UserError, match="there is nothing to pull"):
        fetch(card)


def test_its_size_counts() -> None:
    files = (ModelFile("a", 1000, quantisation="Q8_0"), ModelFile("b", quantisation="Q4_0"))
    card = ModelCard("m", "llama.cpp", files, adapters=(AdapterFile("c", 30), AdapterFile("d", 4)))
    assert estimate(card, "Q8_0", 0).weights_bytes == 1034
    assert estimate(card, "Q4_0", 0).weights_bytes == 0
