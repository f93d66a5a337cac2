"""The state of a training run and its one operation, a step.

Processes find each other through torchrun's variables; without them the run is a single process. Torch's
DistributedDataParallel averages their gradients. What they decide on (loss, seconds, a signal) is averaged as well,
so that they never part ways.
"""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils.data import DataLoader, Subset

import checkpoint
import gguf_read
from corpus import Corpus
from data import Row, Rows
from model import Llama
from optim import Muon, adam
from processes import join, prepared
from progress import Phase, Progress
from recipe import Recipe, changes
from tokenizer import Encoder

MAX_VECTOR_NORM = 1.0
N_ROWS = 10**9
"""Rows are drawn without an end; the loader wants one."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine is good at; a run may go on with other answers than it began with."""

    has_bf16: bool = False
    has_compiler: bool = False


class Run:
    """Model, optimisers and position of one process."""

    def __init__(self, recipe: Recipe, encoder: Encoder, data: Path, phase: Phase, machine: Machine) -> None:
        if encoder.n_tokens != recipe.shape.vocabulary:
            sys.exit(f"the tokenizer has {encoder.n_tokens} tokens, {recipe.name!r} wants {recipe.shape.vocabulary}")
        self.recipe, self.encoder, self.phase = recipe, encoder, phase
        self.progress = Progress()
        self._counted = time.monotonic()  # up to then, seconds are in the progress
        self.is_stopping = self._has_signal = False
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32
        self._n_processes, self._rank = join(self.device)
        training = recipe.training
        if training.rows % (self._n_processes * training.micro_rows):
            sys.exit(f"{training.rows} rows do not share out over {self._n_processes} processes")
        torch.manual_seed(training.seed)
        self.model = Llama(recipe.shape).to(self.device)
        self._loss, self._alone = prepared(self.model, machine.has_compiler, self._n_processes)
        self._precision = torch.bfloat16 if machine.has_bf16 else torch.float32
        self._muon = Muon(self.model.matrices().values(), training.matrix_rate, training.weight_decay, self._precision)
        self._adam = adam(self.model.vectors().values(), training.vector_rate)
        self._rows = Rows(Corpus(data, "train"), encoder, recipe, training.seed)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._take_signal())

    @property
    def is_first(self) -> bool:
        return self._rank == 0

    @property
    def is_over(self) -> bool:
        return self.is_stopping or self.phase.share(self.progress) >= 1

    @property
    def answer_weight(self) -> float:
        training = self.recipe.training
        return training.answer_weight if self.phase.share(self.progress) >= training.answers_from else 1.0

    @property
    def rate(self) -> float:
        """The share of the full learning rate."""
        whole = min(1.0, (self.progress.step + 1) / max(1, self.recipe.training.warmup_steps))
        return whole * self.phase.rate(self.progress)

    def batches(self) -> Iterator[Row]:
        """This process's rows of every step from here on: a token of progress is a place in a row that was read."""
        training = self.recipe.training
        first = self.progress.tokens // self.recipe.shape.context + self._rank
        mine = Subset(self._rows, range(first, N_ROWS, self._n_processes))
        self._counted = time.monotonic()
        return iter(DataLoader(mine, batch_size=training.rows // self._n_processes, num_workers=training.workers))

    def step(self, rows: Row) -> float:
        """One update of the weights; gives the mean loss. One that is not finite changes nothing."""
        loss, seconds = self._agree(self._gradients(rows))
        if math.isfinite(loss):
            self._update()
            n_tokens = self.recipe.training.rows * self.recipe.shape.context
            self.progress = self.progress.after(n_tokens, seconds)
        return loss

    def _gradients(self, rows: Row) -> Tensor:
        """Leaves the mean gradients of all processes in the parameters; gives this process's mean loss."""
        self.model.zero_grad()
        training = self.recipe.training
        ids, is_answer = (part.to(self.device) for part in rows)
        weights = torch.where(is_answer, self.answer_weight, 1.0)
        pieces, shares = (torch.split(part, training.micro_rows) for part in (ids, weights))
        total = torch.zeros((), device=self.device)
        for number, (piece, weight) in enumerate(zip(pieces, shares, strict=True), 1):
            with self._alone() if number < len(pieces) else nullcontext():
                with torch.autocast(self.device.type, self._precision, self._precision != torch.float32):
                    loss = self._loss(piece[:, :-1], piece[:, 1:].contiguous(), weight[:, 1:]) / len(pieces)
                loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total

    def _agree(self, loss: Tensor) -> tuple[float, float]:
        """Means of loss and seconds over the processes; a signal to one is a signal to all.

        Here alone a step waits for a GPU. All seconds since the step before count: its update, the rows, a validation.
        """
        norm = torch.nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])
        now = time.monotonic()
        host = torch.tensor([now - self._counted, float(self._has_signal)], device=self.device)
        self._counted = now
        own = torch.cat([torch.stack([loss, norm]), host])
        if self._n_processes > 1:
            dist.all_reduce(own)
        mean_loss, mean_norm, seconds, signals = (own / self._n_processes).tolist()
        self.is_stopping = signals > 0
        if mean_norm == 0:
            sys.exit(f"no gradient reaches the weights in step {self.progress.step + 1}: try without --compile")
        return (mean_loss if math.isfinite(mean_norm) else math.nan), seconds

    def _update(self) -> None:
        training = self.recipe.training
        rates = ((self._muon, training.matrix_rate), (self._adam, training.vector_rate))
        for optimizer, rate in rates:
            for group in optimizer.param_groups:
                group["lr"] = rate * self.rate
        torch.nn.utils.clip_grad_norm_(self.model.vectors().values(), MAX_VECTOR_NORM)
        self._muon.step()
        self._adam.step()

    def save(self, folder: Path) -> None:
        """A checkpoint, written by the first process. Weights that are not finite are never written."""
        if not all(math.isfinite(weight.detach().sum()) for weight in self.model.parameters()):
            sys.exit(f"the weights are not finite after step {self.progress.step}: {checkpoint.kept(folder)}")
        if self.is_first:
            state = {
                "model": self.model.state_dict(),
                "muon": self._muon.state_dict(),
                "adam": self._adam.state_dict(),
                "progress": self.progress.as_dict(),
                "recipe": self.recipe.as_dict(),
                "tokenizer_sha256": self.encoder.sha256,
            }
            checkpoint.save(folder, state)

    def restore(self, path: Path) -> None:
        """Goes on from a checkpoint, or the newest of a folder, with the settings of now; changes of them are said."""
        state = checkpoint.load(path)
        if state["tokenizer_sha256"] != self.encoder.sha256:
            sys.exit(f"{path} was trained with another tokenizer: pass the one with sha256 {state['tokenizer_sha256']}")
        if state["recipe"]["shape"] != self.recipe.as_dict()["shape"]:
            sys.exit(f"{path} has another shape, {state['recipe']['shape']}: pass its configuration")
        self.model.load_state_dict(state["model"])
        self._muon.load_state_dict(state["muon"])
        self._adam.load_state_dict(state["adam"])
        for group in self._muon.param_groups:
            group["weight_decay"] = self.recipe.training.weight_decay  # the state brought the one of then
        self.progress = Progress(**state["progress"])
        changed = changes(state["recipe"], self.recipe.as_dict())
        if changed and self.is_first:
            print(f"{path} was trained with other settings, the run goes on with the new ones: {'; '.join(changed)}")

    def adopt(self, path: Path) -> None:
        """Goes on from exported weights, a GGUF file in F16 or F32: the optimisers begin anew, the rows do not."""
        weights, tokens, n_tokens = gguf_read.read(path, self.recipe.shape)
        if tokens != self.encoder.tokens:
            sys.exit(f"{path} has other tokens than the tokenizer: pass the one that it was trained with")
        self.model.load_state_dict({name: torch.from_numpy(weight) for name, weight in weights.items()})
        n_a_step = self.recipe.training.rows * self.recipe.shape.context
        self.progress = Progress(tokens=math.ceil(n_tokens / n_a_step) * n_a_step)

    def meet(self) -> None:
        """Wait for the other processes: one that leaves early ends those that still talk to it."""
        if dist.is_initialized():
            dist.barrier()

    def close(self) -> None:
        if dist.is_initialized():
            dist.destroy_process_group()

    def _take_signal(self) -> None:
        self._has_signal = True
