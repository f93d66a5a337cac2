"""What a model is loaded with: GPU layers, context window, KV cache, sequences; what that needs, and in words. Pure.

`planning.py` chooses a plan. `smaller` says what to try where there was no memory for it after all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from codels.backends.ggufshape import FileShape
from codels.machine import Device
from codels.sizes import size_text

CPU_WINDOW = 4096
"""Tokens, unless the user wants more: a CPU reads some hundred a second, so nobody waits for a longer prompt."""

LEAST_WINDOW = 512
"""Tokens: with fewer, a prompt shows less than a screen."""

N_SLICE = 64
"""Tokens of one decode call: cancelling waits for at most one slice where the native abort does not work (GPU)."""


class KvType(StrEnum):
    """How the KV cache keeps a number."""

    F16 = "F16"
    Q8_0 = "Q8_0"

    @property
    def bits(self) -> float:
        return {KvType.F16: 16.0, KvType.Q8_0: 8.5}[self]


class FlashAttention(StrEnum):
    """AUTO: the library uses it where the device can. ON: it must, since quantised values need it."""

    AUTO = "auto"
    ON = "on"


@dataclass(frozen=True, slots=True)
class Plan:
    """`n_cells` of the KV cache are shared by `n_sequences`; one prompt with its answer takes `context_window` at most.

    `gpus` empty: the CPU alone. `notes` are sentences about wishes and devices that could not be followed.
    """

    gpu_layers: int
    context_window: int
    kv_type: KvType
    n_sequences: int
    n_cells: int
    gpus: tuple[Device, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def flash_attention(self) -> FlashAttention:
        return FlashAttention.ON if self.kv_type is KvType.Q8_0 else FlashAttention.AUTO

    @property
    def device(self) -> str:
        """What runs the model, for people."""
        return " + ".join(f"{gpu.name} {gpu.description}".strip() for gpu in self.gpus) or "CPU"

    def with_window(self, window: int) -> Plan:
        """Cells for one prompt of this length."""
        return replace(self, context_window=window, n_cells=window)


def smaller(plan: Plan) -> Iterator[Plan]:
    """What to try, one after the other, when there was no memory for `plan`: cells for one prompt alone, fewer layers
    on the GPU, then a shorter context, then the CPU.
    """
    if plan.n_cells > plan.context_window:
        yield plan.with_window(plan.context_window)
    if plan.gpus:
        for share in (0.75, 0.5):
            fewer = replace(plan, gpu_layers=int(plan.gpu_layers * share)).with_window(plan.context_window)
            yield fewer
        shorter = list(_halved(fewer, 2))
        yield from shorter
        window = min((shorter or [fewer])[-1].context_window, CPU_WINDOW)
        plan = replace(plan, gpu_layers=0, gpus=()).with_window(window)
        yield plan
    yield from _halved(plan, 32)


def _halved(plan: Plan, n: int) -> Iterator[Plan]:
    """The plan with half of its context, with half of that, and so on."""
    for _ in range(n):
        if plan.context_window < 2 * LEAST_WINDOW:
            return
        plan = plan.with_window(plan.context_window // 2)
        yield plan


def explain(shape: FileShape, plan: Plan) -> tuple[str, ...]:
    """The plan in sentences with numbers, then its notes."""
    return (in_short(shape, plan), _context(shape, plan), *plan.notes)


def in_short(shape: FileShape, plan: Plan) -> str:
    """Which layers run where, and how much memory that takes."""
    if not plan.gpus:
        return f"all layers on the CPU: {size_text(shape.size_bytes)}"
    n_all = shape.layers + 1 if shape.layers else 0
    share = min(1.0, plan.gpu_layers / n_all) if n_all else 1.0
    layers = f"{min(plan.gpu_layers, n_all)} of {n_all} layers" if n_all else "all layers"
    free = sum(gpu.free_bytes for gpu in plan.gpus)
    return f"{layers} on {plan.device}: {size_text(int(shape.size_bytes * share))} of {size_text(free)} free"


def _context(shape: FileShape, plan: Plan) -> str:
    size = size_text(kv_bytes(shape, plan.n_cells, plan.kv_type))
    return (
        f"context {plan.context_window:,} tokens, keys and values in {plan.kv_type}, {size} for {plan.n_cells:,} "
        f"tokens of up to {plan.n_sequences} texts; flash attention {plan.flash_attention}"
    )


def kv_bytes(shape: FileShape, n_cells: int, kv_type: KvType) -> int:
    return round(shape.kv_width * n_cells * kv_type.bits / 8)


def scratch_bytes(shape: FileShape, n_cells: int) -> int:
    """What computing needs beside weights and KV cache: logits and attention of a slice, in 4 bytes each. Flash
    attention needs less, but whether a device has it is known only when the model is there.
    """
    return 4 * N_SLICE * (shape.vocabulary + shape.heads * n_cells)


def needed_bytes(shape: FileShape, n_cells: int, kv_type: KvType) -> int:
    """Where all layers are in one place."""
    return shape.size_bytes + kv_bytes(shape, n_cells, kv_type) + scratch_bytes(shape, n_cells)
