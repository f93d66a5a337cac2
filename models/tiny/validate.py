"""How good the model is on the validation packages: bits per byte of plain text, nats per token of hole fillings.

The rows are the same in every run: drawn by a fixed seed, the packages in turn, so that none outweighs the others.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy

import holes
from corpus import Corpus, Excerpt
from data import BYTES_A_TOKEN, Rows
from model import Llama
from recipe import Recipe
from tokenizer import Encoder

SEED = 20_000
N_PLAIN = 60
N_HOLES = 120
HOLE_TOKENS = 512
"""Of an example with a hole, at most: about what a keystroke's prompt holds."""

MAX_TRIES = 3_000
"""Places for one hole. Even blocks are found in one of ten, where files are program text."""

KINDS = {"line_end": holes.line_end, "line": holes.whole_line, "block": holes.block}


class Validation:
    """Fixed rows; `measure` is called by every process and gives each the same numbers."""

    def __init__(self, folder: Path, encoder: Encoder, settings: Recipe) -> None:
        corpus = Corpus(folder, "valid")
        sure = dataclasses.replace(settings.mixture, suffix_first=1.0, healed=1.0, repository=0.0)
        rows = Rows(corpus, encoder, dataclasses.replace(settings, mixture=sure), SEED)
        excerpts = _excerpts(corpus, settings.shape.context)
        self.plain = [_plain(encoder, next(excerpts), settings.shape.context + 1) for _ in range(N_PLAIN)]
        self.holes = {kind: [_example(rows, kind, excerpts, n) for n in range(N_HOLES)] for kind in KINDS}

    def measure(self, model: Llama) -> dict[str, float]:
        nats, n_bytes = _total(model, [(_nats(model, ids, len(ids) - 1), n) for ids, n in _mine(self.plain)])
        found = {"bits_per_byte": nats / math.log(2) / n_bytes}
        for kind, examples in self.holes.items():
            nats, n_tokens = _total(model, [(_nats(model, ids, n), n) for ids, n in _mine(examples)])
            found[f"nats_{kind}"] = nats / n_tokens
        return {key: round(value, 4) for key, value in found.items()}


def _excerpts(corpus: Corpus, n_tokens: int) -> Iterator[Excerpt]:
    """Places in the packages by turns; ends the program where no file is long enough for one."""
    least = 2 * n_tokens
    if not any(corpus.size(number) > least for number in range(len(corpus))):
        sys.exit(f"{corpus.place} has no file of more than {least} bytes: prepare more, or take a smaller context")
    return _turns(corpus, n_tokens, least)


def _turns(corpus: Corpus, n_tokens: int, least: int) -> Iterator[Excerpt]:
    rng = Random(SEED)
    packages: dict[str, list[int]] = defaultdict(list)
    for number, (package, _) in enumerate(corpus.names):
        packages[package].append(number)
    while True:
        for package in sorted(packages):
            number = rng.choice(packages[package])
            size = corpus.size(number)
            if size > least:
                yield corpus.excerpt(number, rng.randrange(size), n_tokens * BYTES_A_TOKEN)


def _plain(encoder: Encoder, found: Excerpt, n_ids: int) -> tuple[list[int], int]:
    """Ids, and how many bytes all but the first spell."""
    ids = encoder.encode(found.text[found.text.rfind("\n", 0, found.focus) + 1 :])[:n_ids]
    return ids, len(encoder.decode(ids[1:]).encode())


def _example(rows: Rows, kind: str, excerpts: Iterator[Excerpt], number: int) -> tuple[list[int], int]:
    """An example whose hole is not empty; ends the program where there is none."""
    rng = Random(f"{SEED}/{kind}/{number}")
    for _ in range(MAX_TRIES):
        found = next(excerpts)
        hole = KINDS[kind](rng, found.text, found.focus)
        if hole and found.text[slice(*hole)].strip():
            return rows.cut(rng, found.text, hole, min(HOLE_TOKENS, rows.n_ids - 1))
    sys.exit(f"{rows.corpus.place} has no place for a hole of the kind {kind}: prepare files of program text")


def _mine(items: list[tuple[list[int], int]]) -> list[tuple[list[int], int]]:
    """This process's share."""
    return items[dist.get_rank() :: dist.get_world_size()] if dist.is_initialized() else items


@torch.no_grad()
def _nats(model: Llama, ids: list[int], n_last: int) -> float:
    """The loss of the last `n_last` ids, summed."""
    row = torch.tensor([ids], device=model.embed_tokens.weight.device)
    hidden = model.hidden(row[:, :-1])[0, -n_last:]
    return cross_entropy((hidden @ model.embed_tokens.weight.T).float(), row[0, -n_last:], reduction="sum").item()


def _total(model: Llama, pairs: list[tuple[float, int]]) -> tuple[float, float]:
    """Both sums, over all processes."""
    sums = torch.tensor(pairs, dtype=torch.float64, device=model.embed_tokens.weight.device).sum(0)
    if dist.is_initialized():
        dist.all_reduce(sums)
    nats, n = sums.tolist()
    return nats, n
