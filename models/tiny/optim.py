"""Muon for the matrices, its work shared out over the processes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Keller Jordan's coefficients: the singular values end near 1 after five steps."""

N_ITERATIONS = 5
MOMENTUM = 0.95


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal (Jordan et al. 2024). Each process does its share, one all-reduce joins them."""

    def __init__(
        self, matrices: Iterable[nn.Parameter], rate: float, weight_decay: float, precision: torch.dtype
    ) -> None:
        super().__init__(matrices, {"lr": rate, "weight_decay": weight_decay})
        self._precision = precision

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            weights: list[nn.Parameter] = group["params"]
            for weight, update in zip(weights, self._updates(weights), strict=True):
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(update, alpha=-group["lr"])

    def _updates(self, weights: list[nn.Parameter]) -> list[Tensor]:
        rank, n_processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        updates = [torch.zeros_like(weight) for weight in weights]
        for number, weight in enumerate(weights):
            assert weight.grad is not None
            momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
            momentum.lerp_(weight.grad, 1 - MOMENTUM)
            if number % n_processes == rank:
                nesterov = weight.grad.lerp(momentum, MOMENTUM)
                update = orthogonal(nesterov.to(self._precision)).to(weight.dtype)
                updates[number] = update * max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5
        return share(updates) if n_processes > 1 else updates


def orthogonal(gradient: Tensor) -> Tensor:
    """The nearest matrix with singular values of about 1, by Newton and Schulz."""
    a, b, c = NEWTON_SCHULZ
    is_tall = gradient.shape[0] > gradient.shape[1]
    x = gradient.T if is_tall else gradient
    x = x / (x.norm() + 1e-7)
    for _ in range(N_ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    nearest: Tensor = x.T if is_tall else x
    return nearest


def share(tensors: list[Tensor]) -> list[Tensor]:
    """The sums of the tensors over all processes, by one message."""
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    pieces = torch.split(flat, [tensor.numel() for tensor in tensors])
    return [piece.view_as(tensor) for piece, tensor in zip(pieces, tensors, strict=True)]
