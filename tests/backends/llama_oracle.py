"""The model of `tiny_gguf` in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tiny_gguf import DEPTH, HEADS, WIDTH, Array, tensors

Wide = NDArray[np.float64]


def states(ids: list[int], n_vocab: int) -> Wide:
    """The last hidden states, of shape (tokens, width)."""
    w = tensors(n_vocab)
    x = w["token_embd.weight"][ids].astype(np.float64)
    for number in range(DEPTH):
        block = f"blk.{number}."
        x = x + _attention(w, block, _normed(x))
        inner = _normed(x)
        gate, up = (inner @ w[f"{block}{name}.weight"].T for name in ("ffn_gate", "ffn_up"))
        x = x + (gate / (1 + np.exp(-gate)) * up) @ w[block + "ffn_down.weight"].T
    return _normed(x)


def _attention(w: dict[str, Array], block: str, x: Wide) -> Wide:
    q, k, v = ((x @ w[f"{block}attn_{name}.weight"].T).reshape(len(x), HEADS, -1) for name in "qkv")
    scores = np.einsum("qhd,khd->hqk", _rotated(q), _rotated(k)) / np.sqrt(WIDTH / HEADS)
    scores[:, np.triu(np.ones((len(x), len(x)), bool), 1)] = -np.inf
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    joined = np.einsum("hqk,khd->qhd", shares, v).reshape(len(x), WIDTH)
    return np.asarray(joined @ w[block + "attn_output.weight"].T)


def _rotated(x: Wide) -> Wide:
    """Rotary positions on neighbouring pairs, as Llama's files have them."""
    n, half = len(x), x.shape[-1] // 2
    angles = np.arange(n)[:, None] * 10000.0 ** (-np.arange(half) / half)
    turned = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)[:, None, :]
    return np.stack([turned.real, turned.imag], -1).reshape(x.shape)


def _normed(x: Wide) -> Wide:
    return np.asarray(x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5))
