"""Loading as planned, smaller where there is no memory, and which device is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import tiny_gguf
from answers import BUILT_IN, WINDOW, ask

from codels import backends
from codels.backends import LoadSpec, ggufshape
from codels.backends.ggufshape import FileShape
from codels.backends.plan import KvType, Plan, kv_bytes
from codels.backends.planning import Wishes, choose
from codels.errors import ModelError, OutOfMemory
from codels.generation import SamplingParams
from codels.machine import Device, DeviceKind, Devices
from codels.sizes import size_text

load = pytest.importorskip("codels.backends.llamaload", exc_type=ImportError)

GPU = Device("CUDA0", DeviceKind.GPU, "NVIDIA L4", "CUDA", 23 * 10**9, 24 * 10**9)
RAM = Device("CPU", DeviceKind.CPU, "AMD EPYC", "CPU", 20 * 10**9, 32 * 10**9)
QWEN_7B = FileShape(8_100_000_000, 28, 28 * 4 * 256, (128, 128), 28, 32768, 152064)


def needs(plan: Plan) -> int:
    """On the GPU, in bytes."""
    kv = kv_bytes(QWEN_7B, plan.n_cells, plan.kv_type)
    return int(plan.gpu_layers / 29 * (QWEN_7B.size_bytes + kv)) if plan.gpus else kv


class Limited:
    """A loader for which there is less memory than the driver says."""

    def __init__(self, gpu_gb: float, ram_gb: float = 100) -> None:
        self._limits = {True: gpu_gb * 1e9, False: ram_gb * 1e9}
        self.n = 0

    def open(self, plan: Plan) -> str:
        self.n += 1
        if needs(plan) > self._limits[bool(plan.gpus)]:
            raise OutOfMemory(f"cudaMalloc failed: out of memory for {size_text(needs(plan))}")
        return "loaded"


@pytest.mark.parametrize(
    ("gpu_gb", "layers", "window", "n_tries"),
    [
        (12, 29, 16384, 1),
        (9.5, 29, 16384, 2),
        (8, 21, 16384, 3),
        (5, 14, 16384, 4),
        (4.2, 14, 8192, 5),
        (4.05, 14, 4096, 6),
        (3, 0, 4096, 7),
    ],
)
def test_fewer_layers_then_a_shorter_context_then_the_cpu(
    gpu_gb: float, layers: int, window: int, n_tries: int
) -> None:
    loader = Limited(gpu_gb)
    plan = choose(QWEN_7B, Devices((RAM, GPU)), Wishes())
    loaded, last, tried = load.first_fitting(QWEN_7B, plan, loader.open)
    assert (loaded, last.gpu_layers, last.context_window, loader.n) == ("loaded", layers, window, n_tries)
    assert len(tried) == n_tries - 1
    if tried:
        assert tried[0].startswith("no memory for 29 of 29 layers on CUDA0 NVIDIA L4: 8.1 GB of 23.0 GB free with a ")
        assert "out of memory for " in tried[0]


def test_where_nothing_fits_every_try_is_told() -> None:
    plan = choose(QWEN_7B, Devices((RAM, GPU)), Wishes())
    with pytest.raises(ModelError, match="there is no memory for the model") as caught:
        load.first_fitting(QWEN_7B, plan, Limited(0, 0).open)
    assert str(caught.value).count("no memory for ") == 11
    assert "512 tokens" in str(caught.value)
    assert "choose a smaller model" in str(caught.value)


def test_other_errors_are_not_tried_again() -> None:
    def open_(_plan: Plan) -> None:
        raise ModelError("truncated")

    with pytest.raises(ModelError, match="truncated"):
        load.first_fitting(QWEN_7B, choose(QWEN_7B, Devices((RAM, GPU)), Wishes()), open_)


def test_a_context_that_is_far_too_big_is_halved_until_it_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Really: the system refuses terabytes, where nobody had told how much memory there is."""
    path = tiny_gguf.write(tmp_path / "long.gguf", {}, context=1 << 30, depth=8)
    monkeypatch.setattr(load.llamadevices, "found", Devices)
    monkeypatch.setattr(load, "smaller", lambda plan: [plan.with_window(1024)])  # and not half of the machine's memory
    wanted = (1 << 30) - 1
    shape = ggufshape.read(path)
    assert kv_bytes(shape, wanted, KvType.F16) > 500 * 10**9
    model = backends.load(LoadSpec("llama.cpp", str(path), wanted), lambda _fraction, _gpu: True)
    try:
        assert model.info.context_window == 1024
        assert any("no memory for all layers on the CPU" in sentence for sentence in model.info.plan)
        assert ask(model, "x").stats.n_decoded
    finally:
        model.close()


def test_what_runs_the_model_is_told() -> None:
    model = backends.load(LoadSpec("llama.cpp", BUILT_IN), lambda _fraction, _gpu: True)
    device, plan, is_on_gpu = model.info.device, "; ".join(model.info.plan), model.info.is_on_gpu
    model.close()
    if is_on_gpu:
        assert "6 of 6 layers on " + device in plan
    else:
        assert (device, plan.partition(": ")[0]) == ("CPU", "all layers on the CPU")
    assert re.search(rf"context {WINDOW:,} tokens, keys and values in F16, [0-9.]+ MB for {2 * WINDOW:,} tokens", plan)


def test_a_model_on_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that only the planning sees: the library leaves it out, and computes on the CPU."""
    monkeypatch.setattr(load.llamadevices, "found", lambda: Devices((RAM, GPU)))
    for n_layers, is_on_gpu in ((None, True), (6, True), (5, False), (0, False)):
        model = backends.load(LoadSpec("llama.cpp", BUILT_IN, gpu_layers=n_layers), lambda _fraction, _gpu: True)
        model.close()
        assert model.info.is_on_gpu == is_on_gpu
        assert model.info.device == ("CPU" if n_layers == 0 else "CUDA0 NVIDIA L4")


@pytest.mark.parametrize(
    ("fields", "window", "words"),
    [
        ({"context_window": 600}, 600, ""),
        ({"context_window": 4096}, WINDOW, "asks for 4,096 tokens, which is too long a context"),
        ({"max_window": 700}, 700, ""),
        ({"max_window": 700, "context_window": 800}, 700, "trained on 700"),
        ({"gpu_layers": 0}, WINDOW, ""),
        ({"context_window": 1}, 1, ""),
        ({"max_window": 1}, 1, ""),
        ({"context_window": 10**9}, WINDOW, "1,000,000,000"),
        ({"gpu_layers": 999, "beams": 3}, WINDOW, ""),
    ],
)
def test_wishes(fields: dict[str, Any], window: int, words: str) -> None:
    model = backends.load(LoadSpec("llama.cpp", BUILT_IN, **fields), lambda _fraction, _gpu: True)
    model.close()
    assert model.info.context_window == window
    assert words in "; ".join(model.info.plan)


@pytest.mark.parametrize(
    ("trained", "window"), [(0, 4096), (1, 1), (100, 100), (10**9, 4096), (2**31 - 1, 4096), (2**32 - 1, 4096)]
)
def test_whatever_a_file_says_of_its_training_it_loads(tmp_path: Path, trained: int, window: int) -> None:
    path = tiny_gguf.write(tmp_path / "odd.gguf", {}, context=trained)
    model = backends.load(LoadSpec("llama.cpp", str(path), gpu_layers=0, beams=2), lambda _fraction, _gpu: True)
    if window > 50:
        assert ask(model, "x", SamplingParams(4)).stats.n_decoded
    model.close()
    assert model.info.context_window == window


def test_quantised_keys_and_values_say_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = LoadSpec("llama.cpp", BUILT_IN, 512)
    whole = backends.load(spec, lambda _fraction, _gpu: True)
    quantised = Plan(0, 512, KvType.Q8_0, 2, 512)
    monkeypatch.setattr(load, "choose", lambda *_arguments: quantised)
    small = backends.load(spec, lambda _fraction, _gpu: True)
    prompt = "import os\n\n\ndef main():\n    for i in ran"
    a, b = ask(whole, prompt), ask(small, prompt)
    assert a.text[:12] == b.text[:12]
    assert a.steps[0].logprobs == pytest.approx(b.steps[0].logprobs, abs=0.3)
    whole.close()
    small.close()


def test_the_devices_are_those_of_the_library() -> None:
    found = backends.devices()
    (cpu,) = (device for device in found.devices if device.kind is DeviceKind.CPU)
    assert 0 < cpu.free_bytes <= cpu.total_bytes
    assert cpu.description
    assert all(gpu.total_bytes and gpu.library for gpu in found.gpus)
