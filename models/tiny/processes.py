"""The processes of a run: how they find each other, and how their gradients become one."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from model import Llama


def prepared(
    model: Llama, has_compiler: bool, n_processes: int
) -> tuple[Callable[[Tensor, Tensor, Tensor], Tensor], Callable[[], AbstractContextManager[None]]]:
    """The model as it is trained, and a context in which its gradients stay with this process."""
    compiled: nn.Module = torch.compile(model) if has_compiler else model  # type: ignore[assignment]
    if n_processes == 1:
        return compiled, nullcontext
    parallel = DistributedDataParallel(compiled, forward_sync_buffers=False)
    return parallel, parallel.no_sync


def join(device: torch.device) -> tuple[int, int]:
    """How many processes there are, and which one this is."""
    n_processes, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if n_processes > 1:
        if device.type == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))  # before anything of this process is put there
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return n_processes, rank
