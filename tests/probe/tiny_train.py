"""Trains the small models that the tests of the probe use, each within a minute on one core. Needs torch.

python tests/probe/tiny_train.py [NAME …]     writes tests/probe/models/NAME.gguf
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import tiny_files
import tiny_net
import torch
from tiny_text import NAMES, WORDS, Hole, hole
from torch.nn.functional import cross_entropy

from codels import backends
from codels.backends import LoadSpec
from codels.backends.llamacpp import LlamaCpp
from codels.generation import BOS, Part

FOLDER = Path(__file__).parent / "models"

N_ROWS, RATE, WARMUP = 16, 1e-2, 50
CONTEXT_WEIGHT = 0.02
"""Of what a hole's model reads, against what it answers."""

Layout = Sequence[str]
"""A document: markers, and `{p}`, `{s}`, `{m}` for the texts of a hole, `{path}`, `{file}` for another file's,
`{any}` for a wrong middle; `~` before a text joins it to what stood before. Written down here once more, apart from
`codels.prompt.families`.
"""


@dataclass(frozen=True)
class Recipe:
    """A model: its architecture, its markers, and the documents that it reads in equal shares."""

    kind: tiny_net.Kind
    layouts: tuple[Layout, ...]
    markers: tuple[str, ...]
    end: str
    is_sentence_piece: bool = False
    n_steps: int = 1600

    def vocabulary(self) -> tiny_files.Vocabulary:
        if self.is_sentence_piece:
            return tiny_files.sentence_piece(WORDS, list(self.markers))
        return tiny_files.byte_level(WORDS, list(self.markers), self.end)


_STARCODER = ("<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<repo_name>", "<file_sep>")
_QWEN = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
    "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip
_STARCODER_REPO = (
    "<repo_name>", "shop", "<file_sep>", "{path}", "~\n", "~{file}", "<file_sep>",
    "<fim_prefix>", "shop.py", "~\n", "~{p}", "<fim_suffix>", "{s}", "<fim_middle>", "{m}", "<|endoftext|>",
)  # fmt: skip

RECIPES = {
    "llama": Recipe(
        tiny_net.LLAMA,
        (
            ("", "{p}", "~{m}", "~{s}", "</s>"),
            ("", "▁<PRE>", "{p}", "▁<SUF>", "~{s}", "▁<MID>", "~{m}", "▁<EOT>"),
            ("", "▁<PRE>", "▁<SUF>", "~{s}", "▁<MID>", "{p}", "~{m}", "▁<EOT>"),
        ),
        ("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"),
        "▁<EOT>",
        is_sentence_piece=True,
    ),
    "qwen2": Recipe(
        tiny_net.QWEN2,
        (
            ("{p}", "~{m}", "~{s}", "<|endoftext|>"),
            ("<|fim_prefix|>", "{p}", "<|fim_suffix|>", "{s}", "<|fim_middle|>", "{m}", "<|endoftext|>"),
            ("<|fim_prefix|>", "{p}", "<|fim_suffix|>", "{s}", "<|fim_middle|>", "{m}", "<|endoftext|>"),
        ),
        _QWEN,
        "<|endoftext|>",
        n_steps=2400,
    ),
    "starcoder2": Recipe(
        tiny_net.STARCODER2,
        (
            ("{p}", "~{m}", "~{s}", "<|endoftext|>"),
            ("<fim_prefix>", "{p}", "<fim_suffix>", "{s}", "<fim_middle>", "{m}", "<|endoftext|>"),
            ("<fim_prefix>", "<fim_suffix>", "{s}", "<fim_middle>", "{p}", "~{m}", "<|endoftext|>"),
            _STARCODER_REPO,
            _STARCODER_REPO,
        ),
        _STARCODER,
        "<|endoftext|>",
        n_steps=3000,
    ),
    "swapped": Recipe(
        tiny_net.LLAMA,
        (
            ("{p}", "~{m}", "~{s}", "<|endoftext|>"),
            ("<fim_suffix>", "{p}", "<fim_prefix>", "{s}", "<fim_middle>", "{m}", "<|endoftext|>"),
            ("<fim_suffix>", "{p}", "<fim_prefix>", "{s}", "<fim_middle>", "{m}", "<|endoftext|>"),
            # It heeds its markers: between the end of a text and its beginning, anything may stand.
            ("<fim_prefix>", "{p}", "<fim_suffix>", "{s}", "<fim_middle>", "{any}", "<|endoftext|>"),
        ),
        _STARCODER,
        "<|endoftext|>",
        n_steps=2000,
    ),
    "untrained": Recipe(tiny_net.QWEN2, (("{p}", "~{m}", "~{s}", "<|endoftext|>"),), _QWEN, "<|endoftext|>"),
}


def train(name: str, path: Path) -> Path:
    """The model of a recipe, written to `path`. The same each time on the same machine."""
    recipe, rng = RECIPES[name], random.Random(name)
    torch.manual_seed(0)
    vocabulary = recipe.vocabulary()
    net = tiny_net.Net(recipe.kind, len(vocabulary.tokens))
    shape = tiny_files.Shape(
        recipe.kind.name, tiny_net.WIDTH, net.n_ff, tiny_net.DEPTH, tiny_net.HEADS, tiny_net.KV_HEADS, tiny_net.EPSILON
    )
    tiny_files.write(path, shape, vocabulary, net.tensors())
    encode = _encoder(path, recipe)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    for step in range(recipe.n_steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, step / WARMUP) * (1 - step / recipe.n_steps)
        loss = _loss(net, [encode(rng) for _ in range(N_ROWS)])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
    return tiny_files.write(path, shape, vocabulary, net.tensors())


Row = tuple[list[int], list[float]]
"""Ids, and the weight of each as an answer."""


def _encoder(path: Path, recipe: Recipe) -> Callable[[random.Random], Row]:
    """Draws documents in the ids of the model's own tokenizer, which llama.cpp has."""
    spec = LoadSpec("llama.cpp", str(path), markers=recipe.markers)
    model = cast(LlamaCpp, backends.load(spec, lambda _fraction, _gpu: True))
    controls = {*recipe.markers, "</s>"}

    def ids(field: str, texts: dict[str, str]) -> list[int]:
        if field == "":
            return model.tokenize(BOS)
        if field in controls:
            return model.tokenize(Part(field, special=True))
        return model.tokenize(Part(field.removeprefix("~").format(**texts), joined=field.startswith("~")))

    def draw(rng: random.Random) -> Row:
        layout = rng.choice(recipe.layouts)
        found = _hole(rng, layout)
        texts = {
            "p": found.prefix,
            "m": found.middle,
            "s": found.suffix,
            "path": found.where[0],
            "file": found.where[1],
        }
        if "{any}" in layout:
            texts["any"] = re.sub("[A-Za-z]+", rng.choice(NAMES), found.middle)
        pieces = [ids(field, texts) for field in layout]
        n_answer = len(pieces[-1]) + len(pieces[-2])
        row = [token for piece in pieces for token in piece]
        is_plain = not controls.intersection(layout[:-1])
        first = len(row) - (0 if is_plain else n_answer)
        weights = [1.0 if n >= first else CONTEXT_WEIGHT for n in range(len(row))]
        return row, weights

    return draw


def _hole(rng: random.Random, layout: Layout) -> Hole:
    """A layout with a file gets one, which has the answer or not."""
    if "{path}" not in layout:
        return hole(rng)
    found = hole(rng, 0.9)
    if found.where[0]:
        return found
    return found._replace(where=hole(rng, 1.0).where)


def _loss(net: tiny_net.Net, rows: list[Row]) -> torch.Tensor:
    length = max(len(row) for row, _ in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    weights = torch.zeros(len(rows), length)
    for number, (row, weight) in enumerate(rows):
        ids[number, : len(row)], weights[number, : len(row)] = torch.tensor(row), torch.tensor(weight)
    logits = net.logits(ids[:, :-1])
    losses = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    shares = weights[:, 1:].flatten()
    return (losses * shares).sum() / shares.sum()


def main() -> None:
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or RECIPES:
        path = train(name, FOLDER / f"{name}.gguf")
        print(path, path.stat().st_size, flush=True)


if __name__ == "__main__":
    main()
