"""Backends, opened fresh and closed after the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import hf_folder
import pytest
from answers import ANSWER, BUILT_IN, GPU_LAYERS, MARKERS, Open
from model_server import ModelServer, serving

from codels import backends
from codels.backends import Backend, LoadSpec
from codels.endpoint import Endpoint, Kind


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


@pytest.fixture
def open_remote(opened: Callable[[LoadSpec], Backend]) -> Iterator[Open]:
    """A server of its own for each, closed after the models."""
    with ExitStack() as servers:

        def open_(kind: Kind = Kind.OPENAI, **script: int) -> Backend:
            model = servers.enter_context(serving(ModelServer(ANSWER, markers=MARKERS[:-1], **script)))
            path = "/v1" if kind is Kind.OPENAI else ""
            remote = Endpoint(model.address + path, "m", kind)
            known = MARKERS[:-1] if kind is Kind.OPENAI else MARKERS
            backend = opened(LoadSpec("remote", "m", markers=known, remote=remote))
            model.cached = []  # what the server was asked when the model was loaded
            return backend

        yield open_


_SCORES = "servers do not say how likely a given text is"
_VECTORS = "vectors are not asked for yet"
NOT_REMOTE = {
    "test_every_step_carries_what_the_answer_has_cost_so_far": "the tokens of the prompt are told at the end",
    "test_vectors_have_norm_1_and_the_order_of_their_texts": _VECTORS,
    "test_vectors_that_are_cancelled_or_of_too_long_a_text": _VECTORS,
    "test_a_text_has_log_probabilities_and_so_has_its_end": _SCORES,
    "test_the_same_text_again_is_as_likely": _SCORES,
    "test_what_is_healed_is_not_scored": _SCORES,
    "test_scoring_leaves_a_working_backend_that_reuses": _SCORES,
    "test_too_long_a_text_to_score_says_both_numbers": _SCORES,
    "test_a_cancelled_score_is_no_score": _SCORES,
}
"""Promises that a remote model does not make, and why."""


@pytest.fixture(scope="session")
def transformers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model's weights as transformers keeps them."""
    hf_folder.need()
    return hf_folder.write(tmp_path_factory.mktemp("hf") / "built-in")


@pytest.fixture
def open_transformers(opened: Callable[[LoadSpec], Backend], transformers_folder: Path) -> Open:
    def open_(**_script: object) -> Backend:
        return opened(LoadSpec("transformers", str(transformers_folder), 512, 1, MARKERS, gpu_layers=GPU_LAYERS))

    return open_


_MODEL = pytest.mark.model
_PARAMS = [
    "fake",
    pytest.param("llama", marks=_MODEL),
    pytest.param("llama, beams", marks=_MODEL),
    pytest.param("transformers", marks=_MODEL),
    "remote",
    "remote, llama-server",
]


@pytest.fixture(params=_PARAMS)
def open_backend(request: pytest.FixtureRequest) -> Open:
    """Opens one backend after the other; the script's fields matter to `fake` and `remote` alone."""
    name, _, beams = request.param.partition(", ")
    if name == "remote":
        if reason := NOT_REMOTE.get(request.function.__name__):
            pytest.skip(reason)
        opens: Open = request.getfixturevalue("open_remote")
        return partial(opens, Kind(beams)) if beams else opens
    found: Open = request.getfixturevalue(f"open_{name}")
    return partial(found, beams=3) if beams else found
