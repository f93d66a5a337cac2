"""Long prompts as the file says: RoPE's base and its scaling, against one layer of Llama written down in numpy.

The formulas are those of the papers (RoPE: Su et al. 2021; linear: Chen et al. 2023; YaRN: Peng et al. 2023), not
llama.cpp's.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
import tiny_gguf
from answers import GPU_LAYERS, ask
from numpy.typing import NDArray
from tiny_gguf import HEADS, WIDTH

from codels.backends import LoadSpec, llamacpp
from codels.generation import SamplingParams

pytest.importorskip("codels.backends.llamanative", exc_type=ImportError)

Array = NDArray[np.float64]
Angles = tuple[Array, float]
"""Of one position, in radians, for each pair of a head's numbers; and what queries and keys are multiplied with."""

DIM = WIDTH // HEADS
WINDOW = 20_000
N_TOKENS = 16_500
TRAINED = 32_768
ORIGINAL = 8192
FACTOR = 4.0

TOLERANCE = 0.05
"""Of logits whose spread is some 6: keys and values are kept in 16 bits, which costs 0.01. Another angle costs more."""


def plain(base: float) -> Angles:
    return base ** (-np.arange(0, DIM, 2) / DIM), 1.0


def linear(base: float) -> Angles:
    return plain(base)[0] / FACTOR, 1.0


def yarn(base: float) -> Angles:
    """Fast pairs turn as they were trained, slow ones as if positions were nearer to each other, others in between."""

    def pair_that_turns(n_turns: float) -> float:
        return DIM * math.log(ORIGINAL / (n_turns * 2 * math.pi)) / (2 * math.log(base))

    low, high = max(math.floor(pair_that_turns(32)), 0), min(math.ceil(pair_that_turns(1)), DIM - 1)
    slow = np.clip((np.arange(DIM // 2) - low) / max(high - low, 0.001), 0, 1)
    angles = plain(base)[0]
    return angles * (1 - slow) + angles / FACTOR * slow, 0.1 * math.log(FACTOR) + 1


def rotated(x: Array, positions: Array, angles: Angles) -> Array:
    """`x` of shape (tokens, heads, DIM), neighbours as pairs."""
    turn = positions[:, None, None] * angles[0]
    cos, sin = np.cos(turn) * angles[1], np.sin(turn) * angles[1]
    even, odd = x[..., ::2], x[..., 1::2]
    return np.stack((even * cos - odd * sin, even * sin + odd * cos), -1).reshape(x.shape)


def normed(x: Array) -> Array:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)


def logits(tokens: bytes, angles: Angles, n_vocab: int) -> Array:
    """Behind the last token."""
    weights = {name: array.astype(np.float64) for name, array in tiny_gguf.tensors(n_vocab, 1).items()}
    w = {name.removeprefix("blk.0.").removesuffix(".weight"): array for name, array in weights.items()}
    x = w["token_embd"][list(tokens)]
    h, n = normed(x), len(tokens)
    keys = rotated((h @ w["attn_k"].T).reshape(n, HEADS, DIM), np.arange(n, dtype=float), angles)
    query = rotated((h[-1:] @ w["attn_q"].T).reshape(1, HEADS, DIM), np.array([n - 1.0]), angles)[0]
    scores = np.einsum("nhd,hd->hn", keys, query) / math.sqrt(DIM)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    seen = np.einsum("hn,nhd->hd", shares, (h @ w["attn_v"].T).reshape(n, HEADS, DIM)).reshape(-1)
    y = x[-1] + w["attn_output"] @ seen
    h = normed(y)
    gate = w["ffn_gate"] @ h
    y = y + w["ffn_down"] @ (gate / (1 + np.exp(-gate)) * (w["ffn_up"] @ h))
    found: Array = w["output"] @ normed(y)
    return found


def _linear(writer: gguf.GGUFWriter) -> None:
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(FACTOR)


def _yarn(writer: gguf.GGUFWriter) -> None:
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(FACTOR)
    writer.add_rope_scaling_orig_ctx_len(ORIGINAL)


ROWS: list[tuple[Callable[[gguf.GGUFWriter], None], Angles]] = [
    (lambda writer: writer.add_rope_freq_base(1e6), plain(1e6)),
    (lambda writer: writer.add_rope_freq_base(10_000.0), plain(1e4)),
    (_linear, linear(1e4)),
    (_yarn, yarn(1e4)),
]


@pytest.mark.parametrize("row", range(len(ROWS)), ids=["base 1e6", "base 1e4", "linear", "yarn"])
def test_a_prompt_of_16k_tokens_is_read_as_the_file_says(tmp_path: Path, row: int) -> None:
    more, _ = ROWS[row]
    path = tiny_gguf.write(tmp_path / "long.gguf", {}, context=TRAINED, more=more)
    model = llamacpp.load(LoadSpec("llama.cpp", str(path), WINDOW, gpu_layers=GPU_LAYERS), lambda _fraction, _gpu: True)
    text = bytes(random.Random(5).choices(range(97, 123), k=N_TOKENS)).decode()
    tokens = bytes(model.tokenize(llamacpp.Part(text)))
    assert len(tokens) == N_TOKENS
    heard = ask(model, text, SamplingParams(1))
    assert (model.info.context_window, heard.stats.n_prompt) == (WINDOW, N_TOKENS)
    said = model._context.logits(-1).astype(np.float64)
    model.close()
    expected = [logits(tokens, angles, len(said)) for _, angles in ROWS]
    errors = [float(np.abs(said - each).max()) for each in expected]
    assert errors[row] < TOLERANCE
    assert all(error > 4 * TOLERANCE for other, error in enumerate(errors) if other != row), errors
    assert heard.steps[0].token_ids == (int(expected[row].argmax()),)
