"""Muon for the matrices, its work shared out over the processes; AdamW for the rest."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Keller Jordan's coefficients: the singular values end near 1 after five steps."""

N_ITERATIONS = 5
MOMENTUM = 0.95
ADAM_BETAS = (0.9, 0.98)


def adam(vectors: Iterable[nn.Parameter], rate: float) -> torch.optim.AdamW:
    """AdamW for what is no matrix; on a GPU in one kernel."""
    weights = list(vectors)
    return torch.optim.AdamW(weights, rate, ADAM_BETAS, weight_decay=0, fused=weights[0].is_cuda)


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
        mine: dict[torch.Size, dict[int, Tensor]] = {}  # by shape: one product for all of a shape keeps a GPU busy
        for number, weight in enumerate(weights):
            assert weight.grad is not None
            momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
            momentum.lerp_(weight.grad, 1 - MOMENTUM)
            if number % n_processes == rank:
                nesterov = weight.grad.lerp(momentum, MOMENTUM)
                mine.setdefault(weight.shape, {})[number] = nesterov.to(self._precision)
        for shape, gradients in mine.items():
            nearest = orthogonal(torch.stack(list(gradients.values()))) * max(1.0, shape[0] / shape[1]) ** 0.5
            for number, update in zip(gradients, nearest, strict=True):
                updates[number] = update.to(updates[number].dtype)
        return share(updates) if n_processes > 1 else updates


def orthogonal(gradients: Tensor) -> Tensor:
    """For each of a stack of matrices, the nearest one with singular values of about 1, by Newton and Schulz."""
    a, b, c = NEWTON_SCHULZ
    is_tall = gradients.shape[-2] > gradients.shape[-1]
    x = gradients.mT if is_tall else gradients
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(N_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    nearest: Tensor = x.mT if is_tall else x
    return nearest


def share(tensors: list[Tensor]) -> list[Tensor]:
    """The sums of the tensors over all processes, by one message."""
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    pieces = torch.split(flat, [tensor.numel() for tensor in tensors])
    return [piece.view_as(tensor) for piece, tensor in zip(pieces, tensors, strict=True)]
