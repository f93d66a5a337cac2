"""What a model needs of memory, in rows."""

from __future__ import annotations

import pytest

from codels.registry.card import ModelCard, ModelFile
from codels.registry.memory import BITS_PER_WEIGHT, Memory, estimate

FILES = (ModelFile("a", 1000, quantisation="Q4_0"), ModelFile("b", quantisation="Q8_0"))
PARTS = (ModelFile("a", 1000, quantisation="Q8_0"), ModelFile("b", 500, quantisation="Q8_0"))
QWEN = {"parameters": 1_543_714_304, "layers": 28, "kv_heads": 2, "head_dim": 128}

ROWS = [
    # files, other fields of the card, quantisation, tokens, weights, KV cache
    (FILES, {}, "Q4_0", 0, 1000, 0),
    (FILES, {}, "Q8_0", 0, 0, 0),
    (FILES, {"parameters": 800}, "Q4_0", 0, 1000, 0),  # a known size goes first
    (FILES, {"parameters": 800}, "Q8_0", 0, 850, 0),
    (FILES, {"parameters": 800}, "q8_0", 0, 850, 0),
    (PARTS, {}, "Q8_0", 0, 1500, 0),
    ((ModelFile("a", 1000), ModelFile("b")), {"parameters": 800}, "", 0, 0, 0),
    ((ModelFile("a", quantisation="Q9_X"),), {"parameters": 800}, "Q9_X", 0, 0, 0),
    ((ModelFile("a", quantisation="F16"),), {"parameters": 800}, "F16", 0, 1600, 0),
    ((ModelFile("a", quantisation="Q8_0"),), QWEN, "Q8_0", 4096, 1_640_196_448, 117_440_512),
    ((ModelFile("a", quantisation="Q4_K_M"),), QWEN, "Q4_K_M", 1, 944_444_411, 28_672),
    (FILES, {"layers": 2, "kv_heads": 3}, "Q4_0", 100, 1000, 0),
    (FILES, {"layers": 2, "kv_heads": 3, "head_dim": 4}, "Q4_0", 100, 1000, 9600),
]


@pytest.mark.parametrize(("files", "fields", "quantisation", "n_tokens", "weights", "kv"), ROWS)
def test_an_estimate(
    files: tuple[ModelFile, ...], fields: dict[str, int], quantisation: str, n_tokens: int, weights: int, kv: int
) -> None:
    card = ModelCard("m", "llama.cpp", files, **fields)  # type: ignore[arg-type]
    memory = estimate(card, quantisation, n_tokens)
    assert memory == Memory(weights, kv)
    assert memory.total_bytes == (weights + kv if weights else 0)


def test_fewer_bits_need_less() -> None:
    order = ["F16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "Q3_K_L", "Q3_K_S", "Q2_K"]
    bits = [BITS_PER_WEIGHT[name] for name in order]
    assert bits == sorted(bits, reverse=True)
