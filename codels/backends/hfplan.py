"""Where a transformers model runs and in which numbers, and why, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from codels.backends import LoadSpec
from codels.backends.hffolder import Folder
from codels.backends.plan import CPU_WINDOW
from codels.sizes import size_text

N_SEQUENCES = 4
"""Texts whose keys and values are kept, so that they do not evict each other."""

GPU_WINDOW = 16_384
"""Tokens, unless the user wants more: longer prompts than codels ever makes are of no use."""

GPU_RESERVE_BYTES = 1_000_000_000
"""For what computing needs beside weights and keys and values, and for the libraries' own."""

FREE_SHARE = 0.5
"""Of the free memory: weights that take more are held in 16 bits on the CPU."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """The one that torch uses first."""

    name: str
    free_bytes: int
    has_bfloat16: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """`device` and `dtype` as torch calls them; `device_name` for people. `n_cells` are shared by the sequences."""

    device: str
    device_name: str
    dtype: str
    window: int
    n_cells: int
    sentences: tuple[str, ...]


def choose(folder: Folder, spec: LoadSpec, gpu: Gpu | None, free_bytes: int) -> Plan:
    """`free_bytes` of the machine's memory; 0: not known."""
    problem = _gpu_problem(folder, spec, gpu)
    if gpu and not problem:
        dtype = "bfloat16" if gpu.has_bfloat16 else "float16"
        why = f"{size_text(2 * folder.n_weights)} of {size_text(gpu.free_bytes)} free, 16 bits a number"
        return _plan(folder, spec, ("cuda", gpu.name, dtype), (f"all layers on {gpu.name} in {dtype}: {why}",))
    size = 4 * folder.n_weights
    if folder.is_half and free_bytes and size > FREE_SHARE * free_bytes:
        dtype, why = "bfloat16", f"in float32 it would take {size_text(size)} of {size_text(free_bytes)} free"
    else:
        dtype, why = "float32", "which CPUs compute fastest in" if folder.is_half else "as its weights are"
    taken = size_text((4 if dtype == "float32" else 2) * folder.n_weights)
    notes = (problem,) if problem else ()
    return _plan(folder, spec, ("cpu", "CPU", dtype), (f"all layers on the CPU in {dtype}, {why}: {taken}", *notes))


def _plan(folder: Folder, spec: LoadSpec, place: tuple[str, str, str], sentences: tuple[str, ...]) -> Plan:
    device, name, dtype = place
    window = _window(folder, spec, is_on_gpu=device != "cpu")
    n_cells = 2 * window
    kv = size_text(folder.kv_width * n_cells * (4 if dtype == "float32" else 2))
    context = (
        f"context {window:,} tokens, keys and values in {dtype}, {kv} for {n_cells:,} tokens of up to "
        f"{N_SEQUENCES} texts"
    )
    return Plan(device, name, dtype, window, n_cells, (*sentences, context))


def _window(folder: Folder, spec: LoadSpec, is_on_gpu: bool) -> int:
    """What was wanted, else what suits the device; never more than the model was trained on."""
    usual = GPU_WINDOW if is_on_gpu else CPU_WINDOW
    limits = [n for n in (folder.trained_window, spec.max_window) if n]
    return min([spec.context_window or usual, *limits])


def _gpu_problem(folder: Folder, spec: LoadSpec, gpu: Gpu | None) -> str:
    """Why the GPU that is there is not used; empty where it is, or where nobody would wonder."""
    if spec.gpu_problem:
        return spec.gpu_problem if gpu else ""
    if gpu is None:
        wants = bool(spec.gpu_layers)
        return "codels.gpu_layers asks for a GPU, but the torch that is installed can use none" if wants else ""
    if spec.gpu_layers == 0:
        return f"{gpu.name} is not used: codels.gpu_layers is 0"
    need = 2 * (folder.n_weights + folder.kv_width * 2 * _window(folder, spec, is_on_gpu=True)) + GPU_RESERVE_BYTES
    if need > gpu.free_bytes:
        return f"{gpu.name} is not used: the model needs {size_text(need)}, {size_text(gpu.free_bytes)} are free"
    return ""
