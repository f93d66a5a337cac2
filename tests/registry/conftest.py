"""A hub on loopback, with folders of models and caches that are empty."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import hub as hubs
import pytest
from hub import SIZE, Cards
from huggingface_hub import constants

from codels.registry import download, store
from codels.registry.card import ModelCard, ModelFile


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "models_folder", lambda: tmp_path / "models")
    monkeypatch.setattr(store, "cards_folder", lambda: tmp_path / "cards")
    monkeypatch.setattr(download, "WAITS_S", (0.0,) * 5)
    return tmp_path / "models"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[hubs.Hub]:
    with hubs.serving(random.Random(1).randbytes(SIZE)) as serving:
        monkeypatch.setattr(constants, "ENDPOINT", serving.address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", serving.address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
        yield serving


@pytest.fixture
def card(hub: hubs.Hub) -> Cards:
    """A card of the hub's file, as it is or with fields that are not so."""

    def make(**fields: object) -> ModelCard:
        known: dict[str, object] = {"size": len(hub.data), "sha256": hub.sha256}
        return ModelCard("m", "llama.cpp", (ModelFile("sub/m.gguf", repo="o/m", **{**known, **fields}),))  # type: ignore[arg-type]

    return make
