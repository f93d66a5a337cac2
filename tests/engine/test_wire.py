"""What goes in at one end of the wire comes out at the other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codels.backends import Adapter, LoadSpec, ModelInfo, Score
from codels.engine import wire
from codels.errors import (
    BackendMissing,
    Cancelled,
    CodelsError,
    EngineDown,
    MarkerMissing,
    ModelError,
    PromptTooLong,
    UserError,
)
from codels.generation import BOS, Part, Prompt, SamplingParams, Stats, Step
from codels.machine import Device, DeviceKind, Devices

ODD_TEXTS = [
    "",
    "naïve 日本 😀",
    "a\r\n\tb\0\x7f\u2028\u0085\f",
    "\ud800",
    "x\udfffy\udc80",
    '"\\',
    "<|fim_prefix|>",
    "\ufeff",
]


def _passed(message: wire.Message) -> wire.Message:
    """Over the wire and back: one line of ASCII."""
    line = wire.encode(message)
    assert line.isascii()
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
    return wire.decode(line)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_prompts(text: str) -> None:
    prompt = Prompt(
        (BOS, Part("<|fim_prefix|>", special=True), Part(text, joined=True)), text, ("<|eot|>", text), (text,), text
    )
    params = SamplingParams(7, (text, "\n\n"), 0.5, 3, 0.25, 11, 1234, (5, 6), text)
    message = _passed(wire.generate(5, prompt, params, is_explicit=False))
    assert (message["op"], message["id"], message["explicit"]) == ("generate", 5, False)
    assert (wire.prompt(message), wire.params(message)) == (prompt, params)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_scores(text: str) -> None:
    prompt = Prompt((BOS, Part("<|fim_prefix|>", special=True), Part(text)), text, (text,))
    message = _passed(wire.score(5, prompt, text))
    assert (message["op"], message["id"], message["text"], wire.prompt(message)) == ("score", 5, text, prompt)
    score = Score((-0.5, 0.0), -1e300)
    assert wire.to_score(_passed(wire.scored(5, score))) == score


@pytest.mark.parametrize("text", ODD_TEXTS)
@pytest.mark.parametrize("tokens", [(), (0,), (1, 2, 151_000)])
def test_steps(text: str, tokens: tuple[int, ...]) -> None:
    step = Step(text, tokens, (-0.125,) * len(tokens), (1,) * len(tokens), Stats(10, 9, 8, 7.5, 6.25))
    assert wire.to_step(_passed(wire.step(3, step))) == step


def test_the_last_step() -> None:
    step = Step(stats=Stats(10, 9, 8, 7.5, 6.25, "end"))
    message = _passed(wire.step(3, step))
    assert (message["op"], wire.to_step(message)) == ("done", step)


@pytest.mark.parametrize("path", ["/models/a b.gguf", "C:\\é.gguf", "/tmp/\udcff.gguf"])
def test_loads(path: str) -> None:
    adapters = (Adapter(path, 0.5), Adapter("b"))
    spec = LoadSpec("llama.cpp", path, 2048, 4, ("<|a|>",), max_window=4096, gpu_layers=7, adapters=adapters)
    message = _passed(wire.load(1, spec))
    assert (message["op"], wire.load_spec(message)) == ("load", spec)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_texts_and_their_vectors(text: str) -> None:
    message = _passed(wire.embed(7, (text, "")))
    assert (message["op"], message["id"], tuple(message["texts"])) == ("embed", 7, (text, ""))
    vectors = ((0.6, -0.8), (1.0, 1e-30))
    assert wire.to_vectors(_passed(wire.embedded(7, vectors))) == vectors
    assert wire.to_vectors(_passed(wire.embedded(7, ()))) == ()


def test_what_was_loaded() -> None:
    can = {"can_score": True, "can_embed": True, "has_chat_template": True, "is_on_gpu": True, "has_encoder": True}
    info = ModelInfo("llama 1B Q4", 4096, ("<|a|>",), ("<b>", "<c>"), device="CUDA0 é", plan=("all", "é"), **can)
    message = _passed(wire.loaded(1, info))
    assert (message["op"], wire.model_info(message)) == ("loaded", info)


def test_devices() -> None:
    gpu = Device("CUDA0", DeviceKind.GPU, "NVIDIA L4", "CUDA", 5, 9, "8.9")
    found = Devices((Device("CPU", DeviceKind.CPU), gpu), "the driver is too old: update it")
    message = _passed(wire.devices(4, found))
    assert (message["op"], wire.to_devices(message)) == ("devices", found)
    assert wire.to_devices(message).gpus == (gpu,)


@pytest.mark.parametrize("type_", [UserError, ModelError, BackendMissing, Cancelled, EngineDown, CodelsError])
def test_errors_keep_their_type_and_words(type_: type[CodelsError]) -> None:
    error = wire.to_error(_passed(wire.failed(9, type_("the file é is broken"))))
    assert (type(error), str(error)) == (type_, "the file é is broken")


def test_too_long_a_prompt_keeps_its_numbers() -> None:
    error = wire.to_error(_passed(wire.failed(9, PromptTooLong(700, 512))))
    assert isinstance(error, PromptTooLong)
    assert (error.n_prompt, error.n_limit, str(error)) == (700, 512, str(PromptTooLong(700, 512)))


def test_a_missing_marker_stays_a_model_error_with_its_words() -> None:
    error = wire.to_error(_passed(wire.failed(9, MarkerMissing("<|fim|>"))))
    assert isinstance(error, ModelError)
    assert str(error) == str(MarkerMissing("<|fim|>"))


@pytest.mark.parametrize("error", [ValueError("def secret(): pass"), KeyError("secret"), MemoryError("secret")])
def test_the_words_of_an_unexpected_error_stay_behind(error: Exception) -> None:
    message = _passed(wire.failed(9, error))
    assert "secret" not in json.dumps(message)
    assert type(error).__name__ in str(wire.to_error(message))


def test_an_error_of_a_newer_host_is_still_an_error() -> None:
    message: dict[str, Any] = {"op": "failed", "id": 1, "error": "Overheated", "text": "too hot", "numbers": []}
    assert str(wire.to_error(message)) == "too hot"
