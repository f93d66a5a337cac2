"""Chooses how a model is loaded, from its file's shape, the memory that is free and what the user wants. Pure.

llama.cpp has the like (`common_fit_params`), but in its library for command lines, which llama-cpp-python does not
load; it reads the model twice, knows nothing of our sequences and wishes, and answers in log lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from codels.backends.ggufshape import FileShape
from codels.backends.plan import CPU_WINDOW, LEAST_WINDOW, KvType, Plan, kv_bytes, needed_bytes, scratch_bytes
from codels.machine import Device, DeviceKind, Devices
from codels.sizes import size_text

GPU_WINDOWS = (16384, 8192, 4096)
"""Tokens, the longest that fits: a GPU reads thousands a second, and most code models were trained on 16k."""

GPU_RESERVE_BYTES = 512 << 20
"""Left free on a GPU: cuBLAS' workspaces, and what a desktop takes when another window opens."""

RAM_RESERVE_BYTES = 1 << 30
"""Left free of the machine's memory: the editor and its language servers live there, too."""

OTHERS_SHARE = 8
"""Of free memory one in so many bytes may hold cells beyond one window: they save time, but the window is needed."""

LEAST_GPU_SHARE = 1 / 8
"""Of the layers: fewer on the GPU save less time than they cost memory there."""

N_SEQUENCES = 4
"""Two files, a code action, and the file before: what people switch between."""

FEW_SEQUENCES = 3
SMALL_RAM_BYTES = 8 << 30
"""Machines with less memory than this keep one sequence less."""

_ALL_LAYERS = 999
"""Of a file that does not say how many it has."""

_Q8_BLOCK = 32
"""Numbers that share a scale in Q8_0: keys and values must be whole blocks."""

_UNKNOWN_BYTES = 1 << 50
"""As much as a driver has that does not say: loading will show."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user and the card want. `context_window` 0 and `gpu_layers` None: chosen here.

    `max_window` is what the card says the model was trained on, 0 where it does not; `n_branch_cells` those that
    beams need beside the prompts' (`backends/beams.py`); `gpu_problem` why no GPU is to be used.
    """

    context_window: int = 0
    gpu_layers: int | None = None
    max_window: int = 0
    n_branch_cells: int = 0
    gpu_problem: str = ""


def choose(shape: FileShape, devices: Devices, wishes: Wishes) -> Plan:
    """All layers on the GPU where they fit with a reserve, else as many as fit, else the CPU."""
    windows, notes = _windows(shape, wishes)
    n_sequences = FEW_SEQUENCES if 0 < _ram(devices).total_bytes < SMALL_RAM_BYTES else N_SEQUENCES
    gpus = _usable(devices)
    if gpus and wishes.gpu_problem:
        notes += (wishes.gpu_problem,)
    elif gpus and wishes.gpu_layers != 0:
        plan = _on_gpu(shape, gpus, wishes, windows, n_sequences)
        if plan:
            return replace(plan, notes=(*notes, *plan.notes))
        notes += (_too_small(shape, gpus, windows[-1]),)
    elif gpus:
        notes += ("codels.gpu_layers is 0: the GPU is not used",)
    elif wishes.gpu_layers:
        wanted = f"codels.gpu_layers asks for {wishes.gpu_layers} layers on a GPU"
        notes += (f"{wanted}, and the installed llama.cpp can use none: `codels doctor` says why",)
    plan = _on_cpu(shape, devices, wishes, windows[0], n_sequences)
    return replace(plan, notes=(*notes, *plan.notes))


def _windows(shape: FileShape, wishes: Wishes) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The context windows to try, the best first; a wish is the only one, up to what the model was trained on."""
    trained = min(filter(None, (shape.trained_window, wishes.max_window)), default=0)
    wished = wishes.context_window
    if not wished:
        return tuple(dict.fromkeys(min(window, trained or CPU_WINDOW) for window in GPU_WINDOWS)), ()
    if trained and wished > trained:
        note = (
            f"codels.context_window asks for {wished:,} tokens, which is too long a context: the model was trained on "
            f"{trained:,}, which are used"
        )
        return (trained,), (note,)
    return (wished,), ()


def _usable(devices: Devices) -> tuple[Device, ...]:
    """Those with memory of their own; one that shares the machine's only where there is nothing else, as llama.cpp."""
    own = tuple(gpu for gpu in devices.gpus if gpu.kind is DeviceKind.GPU)
    return own or devices.gpus[:1]


def _too_small(shape: FileShape, gpus: tuple[Device, ...], window: int) -> str:
    most = max(gpus, key=_free)
    need = needed_bytes(shape, window, KvType.F16) + GPU_RESERVE_BYTES
    return (
        f"GPU too small: {most.name} {most.description} has {size_text(most.free_bytes)} free, and the model needs "
        f"{size_text(need)}; it runs on the CPU. Close what else uses the GPU, or choose a smaller model or "
        "quantisation"
    )


def _on_gpu(
    shape: FileShape, gpus: tuple[Device, ...], wishes: Wishes, windows: tuple[int, ...], n_sequences: int
) -> Plan | None:
    """None where too few layers fit. One GPU goes before several: between them each token waits for the bus."""
    n_all = shape.layers + 1 if shape.layers else _ALL_LAYERS
    for places in dict.fromkeys(((max(gpus, key=_free),), gpus)):
        room = _room(places)
        for window, kv_type, n_cells in _caches(shape, windows, room - shape.size_bytes):
            if needed_bytes(shape, n_cells + wishes.n_branch_cells, kv_type) <= room:
                return _as_wished(Plan(n_all, window, kv_type, n_sequences, n_cells, places), n_all, wishes)
    window, n_cells = windows[-1], windows[-1] + wishes.n_branch_cells
    # Each layer comes with its part of the KV cache; the output layer stays on the CPU.
    layer = shape.size_bytes / n_all + kv_bytes(shape, n_cells, KvType.F16) / max(1, shape.layers)
    n_fitting = min(shape.layers, max(0, int((_room(gpus) - scratch_bytes(shape, n_cells)) / max(1.0, layer))))
    plan = Plan(n_fitting, window, KvType.F16, n_sequences, window, gpus)
    if wishes.gpu_layers:
        return _as_wished(plan, n_all, wishes)
    return plan if n_fitting and n_fitting >= LEAST_GPU_SHARE * shape.layers else None


def _as_wished(plan: Plan, n_all: int, wishes: Wishes) -> Plan:
    """The user's number of layers stands; where more are wanted than seem to fit, that is said."""
    if wishes.gpu_layers is None:
        return plan
    n_layers = min(wishes.gpu_layers, n_all)
    note = f"codels.gpu_layers asks for {n_layers} layers, and {plan.gpu_layers} seem to fit"
    return replace(plan, gpu_layers=n_layers, notes=(note,) * (n_layers > plan.gpu_layers))


def _on_cpu(shape: FileShape, devices: Devices, wishes: Wishes, wanted: int, n_sequences: int) -> Plan:
    """The window that is wanted, shortened to what the memory holds. The file is mapped: weights that do not fit are
    slow, but work.
    """
    free, size = _free(_ram(devices)), shape.size_bytes
    room = free - RAM_RESERVE_BYTES - size
    wanted = window = wanted if wishes.context_window else min(wanted, CPU_WINDOW)
    notes: tuple[str, ...] = ()
    if size > free:
        there = f"the model has {size_text(size)}, and {size_text(free)} of memory are free"
        notes = (f"{there}: it will be very slow. Use a smaller one",)
    while True:
        fitting = next(_fitting(shape, window, room, wishes.n_branch_cells), None)
        if fitting or window <= LEAST_WINDOW:
            break
        window = max(window // 2, LEAST_WINDOW)
    if window < wanted:
        need = size_text(kv_bytes(shape, wanted, KvType.F16))
        less = f"a context of {wanted:,} tokens needs {need} beside the model's {size_text(size)}"
        notes += (f"{less}, and {size_text(free)} of memory are free: {window:,} tokens are used",)
    kv_type, n_cells = fitting or (KvType.F16, window)
    return Plan(0, window, kv_type, n_sequences, n_cells, (), notes)


def _fitting(shape: FileShape, window: int, room: int, n_branch_cells: int) -> Iterator[tuple[KvType, int]]:
    for _, kv_type, n_cells in _caches(shape, (window,), room):
        if kv_bytes(shape, n_cells + n_branch_cells, kv_type) + scratch_bytes(shape, n_cells) <= room:
            yield kv_type, n_cells


def _caches(shape: FileShape, windows: tuple[int, ...], room: int) -> Iterator[tuple[int, KvType, int]]:
    """Window, type and cells of a KV cache, the best first: a shorter window goes before quantised keys and values,
    which change what the model says a little, and both go before layers that leave the GPU.

    Cells for a second window, from plenty, hold the other texts. More would cost time: each token that is read or
    written looks at the cells of all (the built-in model: 7 % for one window more, 20 % for three).
    """
    for window in windows:
        if kv_bytes(shape, window, KvType.F16) * OTHERS_SHARE <= room:
            yield window, KvType.F16, 2 * window
        yield window, KvType.F16, window
    if any(shape.head_dims) and not any(dim % _Q8_BLOCK for dim in shape.head_dims):
        yield windows[-1], KvType.Q8_0, windows[-1]


def _ram(devices: Devices) -> Device:
    found = (device for device in devices.devices if device.kind is DeviceKind.CPU)
    return max(found, key=lambda device: device.total_bytes, default=Device("CPU", DeviceKind.CPU))


def _free(device: Device) -> int:
    return device.free_bytes if device.total_bytes else _UNKNOWN_BYTES


def _room(gpus: tuple[Device, ...]) -> int:
    return sum(max(0, _free(gpu) - GPU_RESERVE_BYTES) for gpu in gpus)
