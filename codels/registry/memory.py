"""How much memory a model needs: its weights, and what it remembers of the tokens that it has read."""

from __future__ import annotations

from dataclasses import dataclass

from codels.registry.card import ModelCard

BITS_PER_WEIGHT = {
    "F32": 32.0, "F16": 16.0, "BF16": 16.0,
    "Q8_0": 8.5, "Q5_1": 6.0, "Q5_0": 5.5, "Q4_1": 5.0, "Q4_0": 4.5,
    "Q6_K": 6.5633, "Q5_K_M": 5.7036, "Q5_K_S": 5.5704, "Q4_K_M": 4.8944, "Q4_K_S": 4.6672,
    "Q3_K_L": 4.2979, "Q3_K_S": 3.6429, "Q2_K": 3.1593,
    "IQ4_NL": 4.6818, "IQ4_XS": 4.4597, "IQ3_M": 3.7628, "IQ3_S": 3.6606, "IQ2_M": 2.9294,
}  # fmt: skip
"""Plain formats by their blocks; mixed ones as measured on 8 B parameters (llama.cpp, tools/quantize/README.md)."""

MAX_CONTEXT_WINDOW = 4096
"""Tokens, for which every model can be compared. What a model was trained on may take all the memory."""

KV_BYTES = 2
"""Of one number in the KV cache, which llama.cpp keeps as F16."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes; 0: the card does not say enough."""

    weights_bytes: int
    kv_bytes: int

    @property
    def total_bytes(self) -> int:
        """0 unless the weights are known; without the KV cache it is the least that is needed."""
        return self.weights_bytes + self.kv_bytes if self.weights_bytes else 0


def context_window(card: ModelCard) -> int:
    """The tokens that its memory is estimated for; `backends/planning.py` chooses those that it is loaded for."""
    return min(card.context_window or MAX_CONTEXT_WINDOW, MAX_CONTEXT_WINDOW)


def estimate(card: ModelCard, quantisation: str, n_tokens: int) -> Memory:
    """For files of one quantisation of the card, its adapters, and a context window of `n_tokens`."""
    sizes = [file.size for file in card.files if file.quantisation == quantisation]
    bits = BITS_PER_WEIGHT.get(quantisation.upper(), 0.0)
    weights = sum(sizes) if sizes and all(sizes) else round(card.parameters * bits / 8)
    weights += sum(adapter.size for adapter in card.adapters) if weights else 0
    return Memory(weights, kv_bytes(card, n_tokens))


def kv_bytes(card: ModelCard, n_tokens: int) -> int:
    """A key and a value for each layer, head and token."""
    return 2 * card.layers * card.kv_heads * card.head_dim * n_tokens * KV_BYTES
