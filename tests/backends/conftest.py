"""Backends, opened fresh and closed after the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from answers import ANSWER, BUILT_IN, GPU_LAYERS, MARKERS, Open

from codels import backends
from codels.backends import Backend, LoadSpec


@pytest.fixture
def opened() -> Iterator[Callable[[LoadSpec], Backend]]:
    """Loads a model and closes it after the test."""
    models: list[Backend] = []

    def open_(spec: LoadSpec) -> Backend:
        models.append(backends.load(spec, lambda _fraction, _gpu: True))
        return models[-1]

    yield open_
    for model in models:
        model.close()


@pytest.fixture
def open_fake(opened: Callable[[LoadSpec], Backend], tmp_path: Path) -> Open:
    def open_(**script: object) -> Backend:
        path = tmp_path / "script.json"
        path.write_text(json.dumps({"answers": {"": ANSWER}, "markers": MARKERS[:-1], **script}), "utf-8")
        return opened(LoadSpec("fake", str(path), 4096, 1, MARKERS))

    return open_


@pytest.fixture
def open_llama(opened: Callable[[LoadSpec], Backend]) -> Open:
    def open_(beams: int = 1, **_script: object) -> Backend:
        return opened(LoadSpec("llama.cpp", BUILT_IN, 512, 1, MARKERS, beams=beams, gpu_layers=GPU_LAYERS))

    return open_


_MODEL = pytest.mark.model


@pytest.fixture(params=["fake", pytest.param("llama", marks=_MODEL), pytest.param("llama, beams", marks=_MODEL)])
def open_backend(request: pytest.FixtureRequest) -> Open:
    """Opens one backend after the other; the script's fields matter to `fake` alone."""
    name, _, beams = request.param.partition(", ")
    found: Open = request.getfixturevalue(f"open_{name}")
    return partial(found, beams=3) if beams else found
