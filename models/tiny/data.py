"""Training rows, drawn anew for every row number: the same seed and number always give the same row.

Suffix-first: `<|fim_prefix|><|fim_suffix|>{suffix}<|fim_middle|>{prefix}{middle}<|endoftext|>`;
prefix-first: `<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>{middle}<|endoftext|>`.
`python data.py --data DIR --tokenizer FILE --config FILE` prints rows to look at, and how fast they are made.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

import holes
import recipe
from corpus import Corpus, Excerpt
from recipe import Recipe
from tokenizer import END, FILE_SEP, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, REPO_NAME, Encoder

CHARS_A_TOKEN = 3.0
"""A low guess to cut text at a line by before it is encoded; ids are cut exactly afterwards."""

BYTES_A_TOKEN = 5
"""More than any ordinary excerpt needs."""

MIN_TOKENS = 96
"""Less room than this at the end of a row is filled with the start of a plain text."""

P_WHOLE_ROW = 0.3
"""Of examples: takes all the room there is, so that the model often sees its full context."""

MAX_MIDDLE_SHARE = 0.5
SUFFIX_SHARES = (0.05, 0.45)
"""The engine gives the suffix up to 0.3 of the window; a caret near the end of a file has less."""

MAX_SNIPPETS = 3
SNIPPET_TOKENS = (48, 256)
SNIPPET_REACH = 12
"""Snippets come from files at most this many places away in the corpus: mostly the same folder."""


class Row(NamedTuple):
    """Ids, and which of them answer a hole: both of shape (context + 1,), or (rows, context + 1) for a batch."""

    ids: Tensor
    is_answer: Tensor


class Rows(Dataset[Row]):
    """Row `i` of an endless sequence."""

    def __init__(self, corpus: Corpus, encoder: Encoder, settings: Recipe, seed: int) -> None:
        self.corpus, self.encoder, self.mixture = corpus, encoder, settings.mixture
        self.n_ids = settings.shape.context + 1
        self.seed = seed

    def __getitem__(self, number: int) -> Row:
        rng = Random(f"{self.seed}/{number}")
        ids: list[int] = []
        is_answer = torch.zeros(self.n_ids, dtype=torch.bool)
        has_holes = rng.random() < self.mixture.fim
        while len(ids) < self.n_ids:
            room = self.n_ids - len(ids)
            if has_holes and room >= MIN_TOKENS:
                example, n_answer = self.example(rng, self._size(rng, room))
                ids += example
                is_answer[len(ids) - n_answer : len(ids)] = True
            else:
                ids += self.plain(rng, room)
        return Row(torch.tensor(ids), is_answer)

    def _size(self, rng: Random, room: int) -> int:
        """Log-uniform, so that a row has several holes, or the whole room."""
        if rng.random() < P_WHOLE_ROW:
            return room
        return int(math.exp(rng.uniform(math.log(MIN_TOKENS), math.log(room + 1))))

    def excerpt(self, rng: Random, n_tokens: int) -> Excerpt:
        """Lines around a byte drawn uniformly, so that a long file counts for more."""
        number, byte = self.corpus.file_at(rng.randrange(self.corpus.n_bytes))
        return self.corpus.excerpt(number, byte, n_tokens * BYTES_A_TOKEN)

    def plain(self, rng: Random, room: int) -> list[int]:
        """Text from a line start on, to the end of the room or of the file."""
        found = self.excerpt(rng, room)
        start = found.text.rfind("\n", 0, found.focus) + 1
        return [*self.encoder.encode(found.text[start:]), END][:room]

    def example(self, rng: Random, room: int) -> tuple[list[int], int]:
        """One hole with what is around it, at times behind pieces of files near by; never more than `room` ids.

        Also how many of them, at the end, are the answer.
        """
        found = self.excerpt(rng, room)
        head = self._snippets(rng, found.file, room // 2) if rng.random() < self.mixture.repository else []
        ids, n_answer = self.cut(rng, found.text, holes.draw(rng, found.text, found.focus), room - len(head))
        return head + ids, n_answer

    def cut(self, rng: Random, text: str, hole: holes.Hole, room: int) -> tuple[list[int], int]:
        """The ids of an example, and how many of them, at its end, are the answer (the mark of the end included)."""
        start, end = hole
        if rng.random() < self.mixture.healed:
            start = holes.healed(text, start)
        end, middle = self._middle(text, start, end, int(room * MAX_MIDDLE_SHARE))
        n_left = room - len(middle) - 4
        suffix = self._after(text[end:], int(n_left * rng.uniform(*SUFFIX_SHARES)))
        prefix = self._before(text[:start], n_left - len(suffix))
        if rng.random() < self.mixture.suffix_first:
            return [FIM_PREFIX, FIM_SUFFIX, *suffix, FIM_MIDDLE, *prefix, *middle, END], len(middle) + 1
        return [FIM_PREFIX, *prefix, FIM_SUFFIX, *suffix, FIM_MIDDLE, *middle, END], len(middle) + 1

    def _middle(self, text: str, start: int, end: int, room: int) -> tuple[int, list[int]]:
        """A hole that fits: one that is too long ends at an earlier line end, else at an earlier character."""
        ids = self.encoder.encode(text[start:end])
        while len(ids) > room:
            shorter = start + (end - start) * room // len(ids)
            line_end = text.rfind("\n", start + 1, shorter)
            end = line_end if line_end > 0 else min(shorter, end - 1)
            ids = self.encoder.encode(text[start:end])
        return end, ids

    def _after(self, text: str, room: int) -> list[int]:
        """The start of a text in whole lines, as far as one fits."""
        cut = text[: int(room * CHARS_A_TOKEN)]
        if len(cut) < len(text) and "\n" in cut[1:]:
            cut = cut[: cut.rfind("\n") + 1]
        return self.encoder.encode(cut)[:room]

    def _before(self, text: str, room: int) -> list[int]:
        """The end of a text in whole lines, as far as one fits."""
        cut = text[max(0, len(text) - int(room * CHARS_A_TOKEN)) :]
        if len(cut) < len(text) and "\n" in cut:
            cut = cut[cut.find("\n") + 1 :]
        return self.encoder.encode(cut)[-room:] if room > 0 else []

    def _snippets(self, rng: Random, file: int, room: int) -> list[int]:
        """`<|repo_name|>{package}`, pieces of other files of the package, and the name of the file that follows."""
        package, path = self.corpus.names[file]
        head = [REPO_NAME, *self.encoder.encode(package + "\n")]
        tail = [FILE_SEP, *self.encoder.encode(path + "\n")]
        for _ in range(rng.randint(0, MAX_SNIPPETS)):
            piece = self._snippet(rng, file)
            if piece and len(head) + len(piece) + len(tail) <= room:
                head += piece
        return head + tail if len(head) + len(tail) <= room else []

    def _snippet(self, rng: Random, file: int) -> list[int]:
        other = min(max(0, file + rng.randint(-SNIPPET_REACH, SNIPPET_REACH)), len(self.corpus) - 1)
        if other == file or self.corpus.names[other][0] != self.corpus.names[file][0]:
            return []
        n_tokens = rng.randint(*SNIPPET_TOKENS)
        found = self.corpus.excerpt(other, rng.randrange(self.corpus.size(other)), n_tokens * BYTES_A_TOKEN)
        start = found.text.rfind("\n", 0, found.focus) + 1
        path = self.encoder.encode(self.corpus.names[other][1] + "\n")
        return [FILE_SEP, *path, *self._after(found.text[start:].rstrip("\n") + "\n", n_tokens)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare.py wrote")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=3, help="rows to print (default 3)")
    parser.add_argument("--first", type=int, default=0, help="number of the first row")
    arguments = parser.parse_args()
    encoder = Encoder(arguments.tokenizer)
    rows = Rows(Corpus(arguments.data, "train"), encoder, recipe.load(arguments.config), 0)
    for number in range(arguments.first, arguments.first + arguments.rows):
        print(f"{'=' * 30} row {number}\n{encoder.decode(rows[number].ids.tolist())}")
    started = time.process_time()
    n_timed = 200
    for number in range(n_timed):
        rows[number]
    seconds = time.process_time() - started
    print(f"{n_timed * rows.n_ids / seconds:,.0f} tokens a second of one core")


if __name__ == "__main__":
    main()
