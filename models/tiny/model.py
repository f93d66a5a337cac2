"""A Llama in plain PyTorch: RMSNorm, rotary positions (half-split, as in transformers), SwiGLU, grouped-query
attention, head tied to the embedding. Its parameters carry the names of transformers' LlamaForCausalLM.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, rms_norm, scaled_dot_product_attention, silu

from recipe import Shape

CHUNK = 1024
"""Rows whose logits exist at the same time on a CPU."""

INIT_SCALE = 0.5
EMBEDDING_STD = 0.02


class Norm(nn.Module):
    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, (x.shape[-1],), self.weight, self.epsilon)


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.q_proj = nn.Linear(shape.d, shape.heads * shape.head_dim, bias=False)
        self.k_proj = nn.Linear(shape.d, shape.kv_heads * shape.head_dim, bias=False)
        self.v_proj = nn.Linear(shape.d, shape.kv_heads * shape.head_dim, bias=False)
        self.o_proj = nn.Linear(shape.heads * shape.head_dim, shape.d, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        n, length, _ = x.shape

        def split(y: Tensor, heads: int) -> Tensor:
            return y.view(n, length, heads, self.shape.head_dim).transpose(1, 2)

        q = rotate(split(self.q_proj(x), self.shape.heads), cos, sin)
        k = rotate(split(self.k_proj(x), self.shape.kv_heads), cos, sin)
        v = split(self.v_proj(x), self.shape.kv_heads)
        out = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        y: Tensor = self.o_proj(out.transpose(1, 2).reshape(n, length, -1))
        return y


class FeedForward(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.d, shape.ff, bias=False)
        self.up_proj = nn.Linear(shape.d, shape.ff, bias=False)
        self.down_proj = nn.Linear(shape.ff, shape.d, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))
        return y


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = Norm(shape.d, shape.epsilon)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = Norm(shape.d, shape.epsilon)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        y: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return y


class Llama(nn.Module):
    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.d)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.d, shape.epsilon)
        cos, sin = rotary(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        """Matrices by their fan-in; those that write to the residual stream smaller, by the number of writes."""
        nn.init.normal_(self.embed_tokens.weight, std=EMBEDDING_STD)
        for name, weight in self.matrices().items():
            std = INIT_SCALE / math.sqrt(weight.shape[1])
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                std /= math.sqrt(2 * self.shape.layers)
            nn.init.normal_(weight, std=std)

    def matrices(self) -> dict[str, nn.Parameter]:
        """What Muon trains."""
        return {n: p for n, p in self.named_parameters() if p.ndim == 2 and n != "embed_tokens.weight"}

    def vectors(self) -> dict[str, nn.Parameter]:
        """What AdamW trains: norms and the embedding."""
        matrices = self.matrices()
        return {n: p for n, p in self.named_parameters() if n not in matrices}

    def hidden(self, ids: Tensor) -> Tensor:
        x = self.embed_tokens(ids)
        cos, sin = self.cos[: ids.shape[1]].to(x.dtype), self.sin[: ids.shape[1]].to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin)
        y: Tensor = self.norm(x)
        return y

    def logits(self, ids: Tensor) -> Tensor:
        return self.hidden(ids) @ self.embed_tokens.weight.T

    def forward(self, ids: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """The mean loss in nats; a target counts by its weight. All of shape (rows, tokens)."""
        rows = self.hidden(ids).reshape(-1, self.shape.d)
        shares = (weights / weights.sum()).reshape(-1, 1)
        if rows.is_cuda:  # it has room for whole logits, and its compiler fuses what is done with them
            logits = rows @ self.embed_tokens.weight.T
            return (cross_entropy(logits.float(), targets.reshape(-1), reduction="none") * shares[:, 0]).sum()
        loss: Tensor = _TiedCrossEntropy.apply(  # type: ignore[no-untyped-call]
            rows, self.embed_tokens.weight, targets.reshape(-1), shares
        )
        return loss


def rotary(shape: Shape) -> tuple[Tensor, Tensor]:
    exponents = torch.arange(0, shape.head_dim, 2).float() / shape.head_dim
    angles = torch.outer(torch.arange(shape.context).float(), shape.theta**-exponents)
    both = torch.cat([angles, angles], -1)
    return both.cos(), both.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


class _TiedCrossEntropy(torch.autograd.Function):
    """Head and cross-entropy in chunks, with the gradients made on the way: the whole logits never exist."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
        if torch.is_autocast_enabled(rows.device.type):
            rows, weight = rows.bfloat16(), weight.bfloat16()
        row_gradient = torch.empty_like(rows)
        weight_gradient = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)
        loss = torch.zeros((), dtype=torch.float32, device=rows.device)
        tokens = torch.arange(len(weight), device=rows.device)
        for start in range(0, len(targets), CHUNK):
            x, y, share = (each[start : start + CHUNK] for each in (rows, targets[:, None], shares))
            logits = (x @ weight.T).float()
            total = logits.logsumexp(-1, keepdim=True)
            loss += (share * (total - logits.gather(1, y))).sum()
            gradient = ((logits - total).exp() - (tokens == y).float()).mul_(share).to(x.dtype)
            row_gradient[start : start + CHUNK] = gradient @ weight
            weight_gradient += gradient.T @ x
        ctx.save_for_backward(row_gradient, weight_gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None, None]:
        row_gradient, weight_gradient = ctx.saved_tensors
        return row_gradient * upstream[0], weight_gradient * upstream[0], None, None
