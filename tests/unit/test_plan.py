"""What is chosen for a model on a machine, in rows; what is tried when it did not fit; what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from codels.backends.ggufshape import FileShape
from codels.backends.plan import FlashAttention, KvType, Plan, explain, kv_bytes, needed_bytes, smaller
from codels.backends.planning import GPU_RESERVE_BYTES, LEAST_GPU_SHARE, Wishes, choose
from codels.machine import Device, DeviceKind, Devices

GB = 10**9
MB = 10**6

QWEN_7B = FileShape(8_100 * MB, 28, 28 * 4 * 256, (128, 128), 28, 32768, 152064)
LLAMA_7B = FileShape(4_100 * MB, 32, 32 * 32 * 256, (128, 128), 32, 16384, 32016)
"""Without grouped heads: half a megabyte of keys and values for each token."""
TINY = FileShape(10 * MB, 5, 1280, (64, 64), 4, 1024, 4096)
ODD = replace(LLAMA_7B, head_dims=(80, 80))
UNKNOWN = FileShape(4 * GB)


def cpu(free: float, total: float = 32) -> Device:
    return Device("CPU", DeviceKind.CPU, "AMD EPYC", "CPU", int(free * GB), int(total * GB))


def gpu(free: float, total: float = 24, name: str = "CUDA0", kind: DeviceKind = DeviceKind.GPU) -> Device:
    return Device(name, kind, "NVIDIA L4", "CUDA", int(free * GB), int(total * GB))


RAM = cpu(20)

ROWS: list[tuple[FileShape, tuple[Device, ...], dict[str, Any], tuple[int, int, str, int]]] = [
    # the file, the devices, the wishes; layers on the GPU, window, key and value type, cells
    # the CPU
    (TINY, (RAM,), {}, (0, 1024, "F16", 2048)),
    (QWEN_7B, (RAM,), {}, (0, 4096, "F16", 8192)),
    (QWEN_7B, (RAM,), {"max_window": 2048}, (0, 2048, "F16", 4096)),
    (QWEN_7B, (RAM,), {"context_window": 16384}, (0, 16384, "F16", 32768)),
    (QWEN_7B, (RAM,), {"context_window": 100_000}, (0, 32768, "F16", 32768)),
    (LLAMA_7B, (RAM,), {}, (0, 4096, "F16", 4096)),  # cells for others are no plenty here
    (LLAMA_7B, (cpu(6.6),), {}, (0, 4096, "Q8_0", 4096)),
    (ODD, (cpu(6.6),), {}, (0, 2048, "F16", 2048)),  # its keys are no whole blocks
    (LLAMA_7B, (cpu(5.5),), {}, (0, 1024, "Q8_0", 1024)),
    (LLAMA_7B, (cpu(3),), {}, (0, 512, "F16", 512)),  # mapped from the disk: slow, but it works
    (QWEN_7B, (), {}, (0, 4096, "F16", 8192)),  # nobody says how much memory there is
    (UNKNOWN, (RAM,), {}, (0, 4096, "F16", 8192)),
    # a GPU
    (TINY, (RAM, gpu(23)), {}, (6, 1024, "F16", 2048)),
    (QWEN_7B, (RAM, gpu(23)), {}, (29, 16384, "F16", 32768)),
    (QWEN_7B, (RAM, gpu(10.1)), {}, (29, 16384, "F16", 16384)),
    (QWEN_7B, (RAM, gpu(9.6)), {}, (29, 8192, "F16", 8192)),
    (QWEN_7B, (RAM, gpu(8.95)), {}, (29, 4096, "F16", 4096)),
    (LLAMA_7B, (RAM, gpu(6)), {}, (33, 4096, "Q8_0", 4096)),  # a shorter window first, then fewer bits, then layers
    (ODD, (RAM, gpu(6)), {}, (28, 4096, "F16", 4096)),
    (LLAMA_7B, (RAM, gpu(5)), {}, (23, 4096, "F16", 4096)),
    (LLAMA_7B, (RAM, gpu(1.2)), {}, (0, 4096, "F16", 4096)),
    (LLAMA_7B, (RAM, gpu(0.3)), {}, (0, 4096, "F16", 4096)),
    (QWEN_7B, (RAM, gpu(23)), {"context_window": 32768}, (29, 32768, "F16", 32768)),
    (QWEN_7B, (RAM, gpu(23)), {"context_window": 2048}, (29, 2048, "F16", 4096)),
    (QWEN_7B, (RAM, gpu(23)), {"max_window": 8192}, (29, 8192, "F16", 16384)),
    (QWEN_7B, (RAM, gpu(23)), {"gpu_layers": 0}, (0, 4096, "F16", 8192)),
    (QWEN_7B, (RAM, gpu(23)), {"gpu_layers": 10}, (10, 16384, "F16", 32768)),
    (QWEN_7B, (RAM, gpu(23)), {"gpu_layers": 500}, (29, 16384, "F16", 32768)),
    (LLAMA_7B, (RAM, gpu(5)), {"gpu_layers": 30}, (30, 4096, "F16", 4096)),
    (LLAMA_7B, (RAM, gpu(1.2)), {"gpu_layers": 2}, (2, 4096, "F16", 4096)),
    (UNKNOWN, (RAM, gpu(23)), {}, (999, 4096, "F16", 8192)),
    (UNKNOWN, (RAM, gpu(3)), {}, (0, 4096, "F16", 8192)),  # without a number of layers it cannot be split
    (QWEN_7B, (RAM, gpu(0, 0)), {}, (29, 16384, "F16", 32768)),  # its driver does not say: loading will show
    # a GPU that shares the machine's memory: only where there is no other
    (QWEN_7B, (RAM, gpu(18, kind=DeviceKind.IGPU)), {}, (29, 16384, "F16", 32768)),
    (LLAMA_7B, (RAM, gpu(1.2), gpu(30, name="V", kind=DeviceKind.IGPU)), {}, (0, 4096, "F16", 4096)),
    # two GPUs
    (QWEN_7B, (RAM, gpu(5), gpu(9.6, name="CUDA1")), {}, (29, 8192, "F16", 8192)),
    (QWEN_7B, (RAM, gpu(6), gpu(7, name="CUDA1")), {}, (29, 16384, "F16", 16384)),
]


@pytest.mark.parametrize(("shape", "devices", "wishes", "expected"), ROWS)
def test_a_plan(
    shape: FileShape, devices: tuple[Device, ...], wishes: dict[str, Any], expected: tuple[int, int, str, int]
) -> None:
    plan = choose(shape, Devices(devices), Wishes(**wishes))
    assert (plan.gpu_layers, plan.context_window, str(plan.kv_type), plan.n_cells) == expected
    assert bool(plan.gpus) == bool(plan.gpu_layers)
    assert (plan.flash_attention is FlashAttention.ON) == (plan.kv_type is KvType.Q8_0)


@pytest.mark.parametrize("free_mb", range(100, 24_000, 310))
@pytest.mark.parametrize("shape", [QWEN_7B, LLAMA_7B, TINY])
def test_what_is_chosen_fits_and_more_memory_never_gives_less(shape: FileShape, free_mb: int) -> None:
    less, more = (choose(shape, Devices((RAM, gpu(n / 1000))), Wishes()) for n in (free_mb, free_mb + 310))
    assert less.gpu_layers <= more.gpu_layers
    if less.gpu_layers == shape.layers + 1:
        need = needed_bytes(shape, less.n_cells, less.kv_type)
        assert need <= free_mb * MB - GPU_RESERVE_BYTES
        assert less.context_window <= more.context_window
    elif less.gpus:
        share = less.gpu_layers / (shape.layers + 1)
        assert share * shape.size_bytes + kv_bytes(shape, less.n_cells, less.kv_type) * share < free_mb * MB
        assert less.gpu_layers >= LEAST_GPU_SHARE * shape.layers


@pytest.mark.parametrize(
    ("devices", "names"),
    [
        ((RAM, gpu(9.6), gpu(20, name="CUDA1")), ("CUDA1",)),
        ((RAM, gpu(6), gpu(7, name="CUDA1")), ("CUDA0", "CUDA1")),
        ((RAM, gpu(9.6, name="Vulkan0", kind=DeviceKind.IGPU), gpu(9.6)), ("CUDA0",)),
    ],
)
def test_one_gpu_goes_before_several(devices: tuple[Device, ...], names: tuple[str, ...]) -> None:
    assert tuple(gpu.name for gpu in choose(QWEN_7B, Devices(devices), Wishes()).gpus) == names


@pytest.mark.parametrize(("total", "n"), [(4, 3), (8, 3), (16, 4), (0, 4)])
def test_a_small_machine_keeps_fewer_texts(total: float, n: int) -> None:
    assert choose(TINY, Devices((cpu(2, total),)), Wishes()).n_sequences == n


SENTENCES = [
    # the file, the devices, the wishes, what is said
    (
        QWEN_7B,
        (RAM, gpu(23)),
        {},
        [
            "29 of 29 layers on CUDA0 NVIDIA L4: 8.1 GB of 23.0 GB free",
            "context 16,384 tokens, keys and values in F16, 1.9 GB for 32,768 tokens of up to 4 texts; flash attention "
            "auto",
        ],
    ),
    (LLAMA_7B, (RAM, gpu(5)), {}, ["23 of 33 layers on CUDA0 NVIDIA L4: 2.9 GB of 5.0 GB free", "context 4,096"]),
    (LLAMA_7B, (RAM, gpu(6)), {}, ["33 of 33", "keys and values in Q8_0, 1.1 GB for 4,096", "flash attention on"]),
    (
        LLAMA_7B,
        (RAM, gpu(1.2)),
        {},
        [
            "all layers on the CPU: 4.1 GB",
            "GPU too small: CUDA0 NVIDIA L4 has 1.2 GB free, and the model needs 6.8 GB; it runs on the CPU. Close",
        ],
    ),
    (LLAMA_7B, (RAM, gpu(5)), {"gpu_layers": 30}, ["codels.gpu_layers asks for 30 layers, and 23 seem to fit"]),
    (LLAMA_7B, (RAM, gpu(5)), {"gpu_layers": 0}, ["codels.gpu_layers is 0: the GPU is not used"]),
    (LLAMA_7B, (RAM, gpu(23)), {"gpu_problem": "it died"}, ["all layers on the CPU: 4.1 GB", "; it died"]),
    (LLAMA_7B, (RAM, gpu(23)), {"gpu_problem": "it died", "gpu_layers": 9}, ["all layers on the CPU", "; it died"]),
    (LLAMA_7B, (RAM,), {"gpu_layers": 20}, ["asks for 20 layers on a GPU, and the installed llama.cpp can use none"]),
    (
        QWEN_7B,
        (RAM,),
        {"context_window": 65536},
        ["codels.context_window asks for 65,536 tokens, which is too long a context: the model was trained on 32,768"],
    ),
    (
        LLAMA_7B,
        (cpu(8),),
        {"context_window": 16384},
        ["a context of 16,384 tokens needs 8.6 GB beside the model's 4.1 GB, and 8.0 GB of memory are free: 8,192"],
    ),
    (LLAMA_7B, (cpu(3),), {}, ["the model has 4.1 GB, and 3.0 GB of memory are free: it will be very slow"]),
    (UNKNOWN, (RAM, gpu(23)), {}, ["all layers on CUDA0 NVIDIA L4: 4.0 GB of 23.0 GB free"]),
    (TINY, (RAM,), {}, ["all layers on the CPU: 10.0 MB"]),
]


@pytest.mark.parametrize(("shape", "devices", "wishes", "said"), SENTENCES)
def test_a_plan_is_explained(
    shape: FileShape, devices: tuple[Device, ...], wishes: dict[str, Any], said: list[str]
) -> None:
    sentences = "; ".join(explain(shape, choose(shape, Devices(devices), Wishes(**wishes))))
    assert [words for words in said if words not in sentences] == [], sentences


def test_what_is_tried_where_there_is_no_memory() -> None:
    plan = choose(QWEN_7B, Devices((RAM, gpu(23))), Wishes())
    assert [(p.gpu_layers, p.context_window, p.n_cells, bool(p.gpus)) for p in smaller(plan)] == [
        (29, 16384, 16384, True),
        (21, 16384, 16384, True),
        (14, 16384, 16384, True),
        (14, 8192, 8192, True),
        (14, 4096, 4096, True),
        (0, 4096, 4096, False),
        (0, 2048, 2048, False),
        (0, 1024, 1024, False),
        (0, 512, 512, False),
    ]


@pytest.mark.parametrize(("window", "windows"), [(512, []), (1023, []), (1024, [512]), (3000, [1500, 750])])
def test_on_the_cpu_only_the_context_gets_shorter(window: int, windows: list[int]) -> None:
    plan = Plan(0, window, KvType.F16, 4, 2 * window)
    assert [(p.context_window, p.n_cells) for p in smaller(plan)] == [(n, n) for n in (window, *windows)]
