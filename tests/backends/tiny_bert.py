"""A BERT of a few kilobytes with random weights: written as GGUF (needs `gguf`), and computed in numpy as an oracle."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

WIDTH, HEADS, DEPTH, FFN, CONTEXT = 32, 4, 2, 48, 96
EPSILON = 1e-6

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"▁{letter}" for letter in "abcdefghij"), *"abcdefghij")
"""A letter that begins a word is another token than one inside."""
UNKNOWN, CLS, SEP = 1, 2, 3

Array = NDArray[np.float32]
Weights = dict[str, Array]


def tokens(text: str) -> list[int]:
    """For texts of the letters a to j and blanks."""
    inner = [WORDS.index(f"▁{c}" if n == 0 else c) for word in text.split() for n, c in enumerate(word)]
    return [CLS, *inner, SEP]


def weights(seed: int = 1) -> Weights:
    """By the names of the gguf package; matrices are (out, in)."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> Array:
        return (0.4 * rng.standard_normal(shape)).astype(np.float32)

    def norm(name: str) -> Weights:
        return {f"{name}.weight": 1 + draw(WIDTH), f"{name}.bias": draw(WIDTH)}

    def linear(name: str, n_out: int, n_in: int) -> Weights:
        return {f"{name}.weight": draw(n_out, n_in), f"{name}.bias": draw(n_out)}

    found = {
        "token_embd.weight": draw(len(WORDS), WIDTH),
        "token_types.weight": draw(2, WIDTH),
        "position_embd.weight": draw(CONTEXT, WIDTH),
        **norm("token_embd_norm"),
    }
    for number in range(DEPTH):
        block = f"blk.{number}."
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            found |= linear(block + name, WIDTH, WIDTH)
        found |= linear(block + "ffn_up", FFN, WIDTH) | linear(block + "ffn_down", WIDTH, FFN)
        found |= norm(block + "attn_output_norm") | norm(block + "layer_output_norm")
    return found


def states(w: Weights, ids: list[int]) -> NDArray[np.float64]:
    """The last hidden states, of shape (tokens, width)."""
    x = w["token_embd.weight"][ids] + w["position_embd.weight"][: len(ids)] + w["token_types.weight"][0]
    x = _normed(w, "token_embd_norm", x.astype(np.float64))
    for number in range(DEPTH):
        block = f"blk.{number}."
        x = _normed(w, block + "attn_output_norm", x + _attention(w, block, x))
        inner = _linear(w, block + "ffn_up", x)
        inner = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
        x = _normed(w, block + "layer_output_norm", x + _linear(w, block + "ffn_down", inner))
    return x


def _attention(w: Weights, block: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    q, k, v = (_linear(w, block + name, x).reshape(len(x), HEADS, -1) for name in ("attn_q", "attn_k", "attn_v"))
    scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(WIDTH / HEADS)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    return _linear(w, block + "attn_output", np.einsum("hqk,khd->qhd", shares, v).reshape(len(x), WIDTH))


def _linear(w: Weights, name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(x @ w[f"{name}.weight"].T.astype(np.float64) + w[f"{name}.bias"])


def _normed(w: Weights, name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = x - x.mean(-1, keepdims=True)
    return np.asarray(x / np.sqrt((x**2).mean(-1, keepdims=True) + EPSILON) * w[f"{name}.weight"] + w[f"{name}.bias"])


def write(path: Path, pooling: gguf.PoolingType | None, seed: int = 1) -> Path:
    writer = gguf.GGUFWriter(str(path), "bert")
    writer.add_name("tiny-bert")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(DEPTH)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(EPSILON)
    writer.add_causal_attention(False)
    writer.add_vocab_size(len(WORDS))
    if pooling is not None:
        writer.add_pooling_type(pooling)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(list(WORDS))
    writer.add_token_types([3] * 5 + [1] * (len(WORDS) - 5))
    writer.add_token_type_count(2)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(CLS)
    writer.add_sep_token_id(SEP)
    writer.add_eos_token_id(SEP)
    writer.add_pad_token_id(0)
    for name, array in weights(seed).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
