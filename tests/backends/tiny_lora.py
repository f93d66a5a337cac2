"""Writes LoRA adapters for the model of `tiny_gguf`, and says what they add to its weights. Needs `gguf`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from tiny_gguf import WIDTH, Array

RANK, ALPHA = 4, 6.0
NAMES = ("blk.0.attn_q.weight", "blk.0.attn_v.weight", "blk.0.attn_output.weight", "blk.0.ffn_down.weight")

Pairs = Mapping[str, tuple[Array, Array]]


def pairs(seed: int = 1, names: tuple[str, ...] = NAMES, width: int = WIDTH) -> Pairs:
    """A of shape (rank, in) and B of shape (out, rank) for each weight."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> Array:
        return (0.3 * rng.standard_normal(shape)).astype(np.float32)

    return {name: (draw(RANK, width), draw(width, RANK)) for name in names}


def merged(found: Pairs, scale: float = 1.0) -> dict[str, Array]:
    """What is added to each weight."""
    return {name: (scale * ALPHA / RANK * (b @ a)).astype(np.float32) for name, (a, b) in found.items()}


def write(path: Path, found: Pairs, architecture: str = "llama", **fields: str) -> Path:
    """`fields` stand for those of a true adapter."""
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_type(fields.get("type", "adapter"))
    writer.add_string(gguf.Keys.Adapter.TYPE, fields.get("adapter_type", "lora"))
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, ALPHA)
    if "invoked_by" in fields:
        tokens, types = list(fields["invoked_by"].encode()), gguf.GGUFValueType
        writer.add_key_value("adapter.alora.invocation_tokens", tokens, types.ARRAY, sub_type=types.UINT32)
    for name, (a, b) in found.items():
        writer.add_tensor(f"{name}.lora_a", a)
        writer.add_tensor(f"{name}.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
