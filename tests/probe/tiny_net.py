"""Small decoders in plain PyTorch in the shapes of Llama, Qwen2 and StarCoder2, under llama.cpp's tensor names."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, rms_norm, scaled_dot_product_attention, silu

WIDTH, HEADS, KV_HEADS, DEPTH, EPSILON, THETA = 64, 4, 2, 2, 1e-5, 10_000.0
HEAD = WIDTH // HEADS


@dataclass(frozen=True)
class Kind:
    """What tells the three architectures apart."""

    name: str
    has_layer_norm: bool = False
    """With a bias, and a plain feed-forward net; else RMSNorm and a gated one."""
    biased: tuple[str, ...] = ()
    is_paired: bool = False
    """llama.cpp rotates pairs of neighbours, as in Meta's files, and not the two halves of a head."""


_ATTENTION = ("attn_q", "attn_k", "attn_v")
LLAMA = Kind("llama", is_paired=True)
QWEN2 = Kind("qwen2", biased=_ATTENTION)
STARCODER2 = Kind("starcoder2", True, (*_ATTENTION, "attn_output", "ffn_up", "ffn_down"))

Array = NDArray[np.float32]


class Net(torch.nn.Module):
    """`logits` of ids of shape (rows, tokens)."""

    def __init__(self, kind: Kind, n_vocab: int) -> None:
        super().__init__()
        self.kind = kind
        self.n_ff = 4 * WIDTH if kind.has_layer_norm else 2 * WIDTH
        self._put("token_embd", torch.randn(n_vocab, WIDTH) * 0.3)
        for number in range(DEPTH):
            for name, (n_out, n_in) in self._shapes().items():
                scale = (2 * DEPTH) ** -0.5 if name in ("attn_output", "ffn_down") else 1.0
                self._put(f"blk.{number}.{name}", torch.randn(n_out, n_in) * scale / math.sqrt(n_in), name)
            for name in ("attn_norm", "ffn_norm"):
                self._put(f"blk.{number}.{name}", torch.ones(WIDTH), name)
        self._put("output_norm", torch.ones(WIDTH), "output_norm")
        self._let_copy()

    @torch.no_grad()
    def _let_copy(self) -> None:
        """Attention begins by handing on what it looks at, which is most of what filling such holes takes."""
        for number in range(DEPTH):
            value, out = (self._get(f"blk.{number}.{name}.weight") for name in ("attn_v", "attn_output"))
            assert value is not None
            assert out is not None
            each = value.view(KV_HEADS, HEAD, WIDTH).repeat_interleave(HEADS // KV_HEADS, 0)
            out.copy_(each.reshape(WIDTH, WIDTH).T / 2)

    def _shapes(self) -> dict[str, tuple[int, int]]:
        kv, ff = KV_HEADS * HEAD, self.n_ff
        shapes = {"attn_q": (WIDTH, WIDTH), "attn_k": (kv, WIDTH), "attn_v": (kv, WIDTH), "attn_output": (WIDTH, WIDTH)}
        gate = {} if self.kind.has_layer_norm else {"ffn_gate": (ff, WIDTH)}
        return shapes | gate | {"ffn_up": (ff, WIDTH), "ffn_down": (WIDTH, ff)}

    def _put(self, name: str, weight: Tensor, kind: str = "") -> None:
        self.register_parameter(f"{name}.weight".replace(".", "|"), torch.nn.Parameter(weight))
        if kind in self.kind.biased or (self.kind.has_layer_norm and kind.endswith("_norm")):
            self.register_parameter(f"{name}.bias".replace(".", "|"), torch.nn.Parameter(torch.zeros(weight.shape[0])))

    def _get(self, name: str) -> Tensor | None:
        return self._parameters.get(name.replace(".", "|"))

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return torch.nn.functional.linear(x, self._get(f"{name}.weight"), self._get(f"{name}.bias"))  # type: ignore[arg-type]

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self._get(f"{name}.weight"), self._get(f"{name}.bias")
        if self.kind.has_layer_norm:
            return layer_norm(x, (WIDTH,), weight, bias, EPSILON)
        return rms_norm(x, (WIDTH,), weight, EPSILON)

    def logits(self, ids: Tensor) -> Tensor:
        embedding = self._get("token_embd.weight")
        assert embedding is not None
        x = embedding[ids]
        cos, sin = _rotary(ids.shape[1])
        for number in range(DEPTH):
            block = f"blk.{number}."
            x = x + self._attend(self._norm(x, block + "attn_norm"), block, cos, sin)
            x = x + self._feed(self._norm(x, block + "ffn_norm"), block)
        return self._norm(x, "output_norm") @ embedding.T

    def _attend(self, x: Tensor, block: str, cos: Tensor, sin: Tensor) -> Tensor:
        n, length, _ = x.shape

        def split(name: str, heads: int) -> Tensor:
            return self._linear(x, block + name).view(n, length, heads, HEAD).transpose(1, 2)

        q, k = _rotate(split("attn_q", HEADS), cos, sin), _rotate(split("attn_k", KV_HEADS), cos, sin)
        v = split("attn_v", KV_HEADS)
        repeats = HEADS // KV_HEADS
        k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
        out = scaled_dot_product_attention(q, k, v, is_causal=True)
        return self._linear(out.transpose(1, 2).reshape(n, length, WIDTH), block + "attn_output")

    def _feed(self, x: Tensor, block: str) -> Tensor:
        up = self._linear(x, block + "ffn_up")
        if self.kind.has_layer_norm:
            return self._linear(gelu(up, approximate="tanh"), block + "ffn_down")
        return self._linear(silu(self._linear(x, block + "ffn_gate")) * up, block + "ffn_down")

    def tensors(self) -> dict[str, Array]:
        """By llama.cpp's names, and in its order of rows."""
        found = {name.replace("|", "."): p.detach().numpy().astype(np.float32) for name, p in self.named_parameters()}
        for name, array in found.items():
            heads = {"attn_q": HEADS, "attn_k": KV_HEADS}.get(name.split(".")[-2], 0)
            if heads and self.kind.is_paired:
                halves = array.reshape(heads, 2, HEAD // 2, -1)
                found[name] = np.ascontiguousarray(halves.swapaxes(1, 2).reshape(array.shape))
        return found


def _rotary(length: int) -> tuple[Tensor, Tensor]:
    exponents = torch.arange(0, HEAD, 2).float() / HEAD
    angles = torch.outer(torch.arange(length).float(), THETA**-exponents)
    both = torch.cat([angles, angles], -1)
    return both.cos(), both.sin()


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin
