"""Trains one size: a constant phase that goes on over any number of sessions, and a decay phase that ends a copy of it.

    torchrun --nproc-per-node 2 train.py --config config/nano.toml --data DIR --tokenizer FILE --out DIR
    torchrun --nproc-per-node 2 train.py ... --out OTHER --from DIR --decay --minutes 40
    python train.py ... --decay 0.5 --minutes 8                                  # both, where the time is short
    torchrun --nproc-per-node 2 train.py ... --out OTHER --from FILE.gguf        # exported weights, with --decay or not

Started again with the same `--out`, it goes on from the newest checkpoint and gives the losses that it would have
given; `--from` is not read then. Exported weights (F16 or F32) go on as they are, in a constant or a decay phase, with
optimisers that begin anew. SIGTERM writes a checkpoint and ends. A step's rows depend on the seed and its number only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
import time
from pathlib import Path

import torch
from tqdm import tqdm

import checkpoint
import recipe
from progress import Phase
from run import Machine, Run
from tokenizer import Encoder
from validate import Validation

LOG_EVERY = 20
"""Steps."""

SAVE_SECONDS = 240.0
VALIDATE_SECONDS = 600.0

CONSTANT = "constant"
"""The folder of the checkpoint before the rate falls, beside the others: the run can go on from it, or decay anew."""


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    run = start(arguments)
    try:
        train(run, arguments)
        run.meet()
    finally:
        run.close()


def train(run: Run, arguments: argparse.Namespace) -> None:
    """The whole journey: step, log, checkpoint, validate, until the limit or a signal."""
    validation = Validation(arguments.data, run.encoder, run.recipe)
    log = Log(arguments.out, run.is_first)
    saved = validated = run.progress.seconds
    bar = tqdm(initial=run.progress.step, unit=" steps", disable=not run.is_first, mininterval=30)
    for rows in run.batches():
        if run.is_over:
            break
        loss = run.step(rows)
        if not math.isfinite(loss):
            log.write(event="loss is not finite", **run.progress.as_dict())
            sys.exit(f"the loss is {loss} in step {run.progress.step + 1}: {checkpoint.kept(arguments.out)}")
        bar.update()
        log.add(loss)
        if run.progress.step % LOG_EVERY == 0:
            log.write(loss=log.mean(), rate=round(run.rate, 4), **run.progress.as_dict())
        if run.phase.has_both and run.phase.rate(run.progress) < 1:
            save_constant(run, arguments.out / CONSTANT)
        if run.progress.seconds - saved > arguments.save_seconds:
            run.save(arguments.out)
            saved = run.progress.seconds
        if run.progress.seconds - validated > arguments.validate_seconds:
            log.write(**validation.measure(run.model), **run.progress.as_dict())
            validated = run.progress.seconds
    run.save(arguments.out)
    if not run.is_stopping:
        log.write(**validation.measure(run.model), **run.progress.as_dict())


def save_constant(run: Run, folder: Path) -> None:
    """Once: what the constant part of the phase ended with."""
    if not checkpoint.has_some(folder):
        folder.mkdir(exist_ok=True)
        run.save(folder)


class Log:
    """JSON lines, written by the first process only."""

    def __init__(self, folder: Path, is_first: bool) -> None:
        path = folder / "log.jsonl" if is_first else Path(os.devnull)
        self._file = path.open("a", encoding="utf-8")  # as long as the run is
        self._losses: list[float] = []

    def add(self, loss: float) -> None:
        self._losses.append(loss)

    def mean(self) -> float:
        """Of the losses since the last call."""
        value = sum(self._losses) / len(self._losses)
        self._losses.clear()
        return round(value, 4)

    def write(self, **values: object) -> None:
        """One line. The log is no reason to end a run: a full disk is told by the next checkpoint."""
        with contextlib.suppress(OSError):
            self._file.write(json.dumps({**values, "at": round(time.time())}) + "\n")
            self._file.flush()


def start(arguments: argparse.Namespace) -> Run:
    """A run that is fresh, goes on from its own folder, decays a copy of a checkpoint, or goes on from a GGUF file.

    `--from` is read where `--out` has no checkpoint yet. Ends with a sentence where the options do not go together.
    """
    phase = Phase(arguments.tokens, arguments.minutes * 60 if arguments.minutes else None, arguments.decay)
    if arguments.decay and phase.is_open:
        sys.exit("--decay needs an end: pass --tokens or --minutes")
    if arguments.source and arguments.source.suffix != ".gguf" and not arguments.decay:
        sys.exit("--from starts a decay phase: pass --decay with it, or leave it out to go on in --out")
    has_some = checkpoint.has_some(arguments.out)
    if arguments.decay == 1 and not has_some and not arguments.source:
        sys.exit(f"--decay ends a run, and {arguments.out} has no checkpoint: pass the run's folder with --from")
    settings, encoder = recipe.load(arguments.config), Encoder(arguments.tokenizer)
    run = Run(settings, encoder, arguments.data, phase, Machine(arguments.bf16, arguments.compile))
    arguments.out.mkdir(parents=True, exist_ok=True)
    if has_some:
        if arguments.source and run.is_first:
            print(f"{arguments.out} has checkpoints, the run goes on from them: --from {arguments.source} is not read")
        run.restore(arguments.out)
    elif arguments.source and arguments.source.suffix == ".gguf":
        run.adopt(arguments.source)
    elif arguments.source:
        run.restore(arguments.source)
        run.progress = run.progress.as_new_phase()
    return run


def above_0(text: str) -> float:
    """A limit: 0 would end the run before its first step, or never."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0: pass one, or leave it out for no limit")
    return value


def share(text: str) -> float:
    value = above_0(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text} is no share: pass a number above 0 and at most 1")
    return value


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="config/nano.toml or another size")
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare.py wrote")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json that tokenizer.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints and log.jsonl")
    parser.add_argument(
        "--decay",
        type=share,
        nargs="?",
        const=1.0,
        default=0.0,
        metavar="SHARE",
        help="learning rate linear to 0 within --tokens or --minutes, or in the last SHARE of them",
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        help="checkpoint or folder that a decay phase starts from, or exported weights (.gguf)",
    )
    parser.add_argument("--tokens", type=above_0, help="end of this phase, in tokens of this phase (default: none)")
    parser.add_argument("--minutes", type=above_0, help="end of this phase, in minutes of training (default: none)")
    parser.add_argument(
        "--bf16", action="store_true", help="mixed precision: for GPUs, and CPUs with AMX or AVX512-BF16"
    )
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile: a minute at the start; needs a C++ compiler"
    )
    parser.add_argument("--threads", type=int, default=1, help="of each process (default 1)")
    parser.add_argument("--save-seconds", type=float, default=SAVE_SECONDS)
    parser.add_argument("--validate-seconds", type=float, default=VALIDATE_SECONDS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # all is saved; libraries' threads have been seen to abort, or to hang, while an interpreter ends
