"""How much to copy: the weights of `codels/backends/copying.py`, fitted on held-out holes.

    python fit_copying.py MODEL --data valid.jsonl.xz

Reads what stood in each hole token by token, and notes what the model and copying gave it. Each cell's share is the
one that makes its tokens most likely (expectation maximisation). Prints the table for the model's card.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import llama_cpp
import numpy as np
from tqdm import tqdm

from codels.backends import answering, llamacpp, llamaload
from codels.backends.copying import Copied, CopyModel
from codels.backends.deadline import Deadline
from codels.cancel import CancelToken
from codels.completion import CHARS_PER_TOKEN
from codels.context import copies
from codels.copyweights import BUCKETS, N_COLUMNS
from codels.core import Site
from codels.dispatch.loading import load_spec
from codels.dispatch.selection import find
from codels.errors import CodelsError
from codels.evaluate import sets
from codels.generation import Part, Prompt
from codels.prompt import Place, budget, render
from codels.request import Model
from codels.resolve import resolve
from codels.settings import Settings

MAX_TOKENS = 96
FLOOR = 1e-9
N_STEPS = 200
PRIOR = 0.3
"""Counts as one more token in each cell: some are seldom seen."""


class Seen(NamedTuple):
    """What one token of a hole was given by the model and by copying, and the cell; none where nothing was copied."""

    model: float
    copied: float
    cell: tuple[int, int] | None


class Teacher(llamacpp.LlamaCpp):
    """The model, made to read."""

    def read(self, prompt: Prompt, gold: str) -> Iterator[Seen]:
        """The tokens of `gold` behind the prompt, and its end. A line end counts however it is said."""
        ids = [token for part in prompt.parts for token in self.tokenize(part)]
        if len(ids) > self.info.context_window - 2 * MAX_TOKENS:
            return
        self._context.arm(CancelToken())
        self._cache.reuse(ids, MAX_TOKENS)
        answering.read(self._cache, ids, CancelToken(), Deadline(0))
        zeros = tuple((0.0,) * N_COLUMNS for _ in BUCKETS)
        copying = CopyModel(self._lines.join(prompt.sources), zeros, 2 * MAX_TOKENS)
        n_healed, n_read, said = len(prompt.heal.encode()), 0, list[int]()
        for token in self.tokenize(Part(prompt.heal + gold + "\n", joined=True))[:MAX_TOKENS]:
            same = self._vocabulary.line_ends if token in self._vocabulary.line_ends else [token]
            if n_read >= n_healed:
                yield self._seen(copying.copied(said), same)
            n_read += len(self._vocabulary.pieces.of(token))
            said.append(token)
            if len(same) > 1 or not self._cache.evaluate([token]):
                return

    def _seen(self, copied: Copied | None, same: list[int]) -> Seen:
        n_vocab = self._vocabulary.n
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._context._context, -1), (n_vocab,))
        probs = np.exp(logits - logits.max(), dtype=np.float64)
        given = float(copied.probs[np.isin(copied.ids, same)].sum()) if copied else 0.0
        return Seen(float(probs[same].sum() / probs.sum()), given, copied.cell if copied else None)


def prompt(model: Model, site: Site) -> Prompt:
    n_chars = int((model.context_window - 2 * MAX_TOKENS) * CHARS_PER_TOKEN)
    window = budget.fit(site, (), n_chars)
    said = render(model.family, model.order, window, Place(language="python"))
    return Prompt(said.parts, said.heal, said.stop, copies.texts(site, said.heal, ()))


def fit(tokens: list[Seen]) -> float:
    """The share that makes these tokens most likely."""
    model = np.array([seen.model for seen in tokens])
    copied = np.array([seen.copied for seen in tokens])
    share = PRIOR
    for _ in range(N_STEPS):
        by_copying = share * copied / ((1 - share) * model + share * copied + FLOOR)
        share = (by_copying.sum() + PRIOR) / (len(tokens) + 1)
    return round(float(share), 3)


def nats(tokens: list[Seen], weights: list[list[float]]) -> float:
    """A token's, in the mean."""
    shares = [weights[seen.cell[0]][seen.cell[1]] if seen.cell else 0.0 for seen in tokens]
    given = [(1 - s) * seen.model + s * seen.copied for s, seen in zip(shares, tokens, strict=True)]
    return -sum(math.log(max(p, FLOOR)) for p in given) / len(tokens)


def main() -> None:
    parser = argparse.ArgumentParser(description="How much to copy: fits a card's copy_weights on held-out holes.")
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--n", type=int, default=400, help="holes of each kind")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    card = find(args.model)
    spec = load_spec(card, Settings(threads=1))
    teacher = Teacher(spec, llamaload.open_planned(spec, lambda _fraction, _gpu: True))
    model, _ = resolve(card, teacher.info)
    tokens: list[Seen] = []
    for kind in ("line-end", "whole-line"):
        tasks, _ = sets.find(kind).load(args.data, args.n, args.seed)
        for task in tqdm(tasks, kind):
            tokens += teacher.read(prompt(model, task.site), task.gold.rstrip())
    if not tokens:
        sys.exit(f"{args.data} has no hole that fits the context window: pass more with --data or --n")
    cells = defaultdict(list)
    for seen in tokens:
        cells[seen.cell].append(seen)
    weights = [[fit(cells[row, column]) for column in range(N_COLUMNS)] for row in range(len(BUCKETS))]
    zeros = [[0.0] * N_COLUMNS for _ in BUCKETS]
    print(f"{len(tokens)} tokens: {nats(tokens, zeros):.3f} nats each alone, {nats(tokens, weights):.3f} mixed")
    print("copy_weights = [\n" + "".join(f"    {row},\n" for row in weights) + "]")


if __name__ == "__main__":
    try:
        main()
    except CodelsError as error:
        sys.exit(str(error))
