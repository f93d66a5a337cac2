"""Checks an export: the same token ids and the same greedy answers in transformers and in llama.cpp.

    python verify.py --export OUT --data DATA            # 10,000 snippets, 50 prompts: some minutes

Ends with an error where ids differ, where F32 answers differ, or where Q8_0 differs elsewhere than at near-ties.
Writes `verify.json` beside the files.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

import holes
from codels.generation import Part
from corpus import Corpus
from greedy import Greedy
from snippets import snippets
from tokenizer import END, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, Encoder

N_ANSWER = 24
MAX_PROMPT = 0.85
"""Of the context window; the answer needs the rest."""

SUFFIX_CHARS, PREFIX_CHARS = 600, 1200

NEAR_TIE = {"f32": 1e-4, "q8_0": 0.1}
"""Logits: two tokens this close may change places, in F32 by the order of sums, in Q8_0 by rounded weights."""

MIN_EQUAL = {"f32": 1.0, "q8_0": 0.75}
"""The share of equal answers, where there are prompts enough to tell. Other formats are only reported."""

FEW_PROMPTS = 20

MAX_TRIES = 3_000
"""Places for one prompt."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Greedy token ids, and the logits that each was chosen by (transformers, F32)."""

    prompt: list[int]
    ids: list[int]
    logits: list[torch.Tensor]

    def gap(self, ids: list[int]) -> float | None:
        """How far the first other choice lies below ours, in logits; None where all are equal."""
        for ours, theirs, row in zip(self.ids, ids, self.logits, strict=False):
            if ours != theirs:
                return float(row[ours] - row[theirs])
        return None


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    corpus, encoder = Corpus(arguments.data, "test"), Encoder(arguments.export / "hf" / "tokenizer.json")
    files = sorted(arguments.export.glob("*.gguf"))
    if not files:
        sys.exit(f"{arguments.export} holds no *.gguf: run export.py first")
    texts = list(snippets(corpus, arguments.snippets, Random(arguments.seed)))
    report: dict[str, Any] = {"n_snippets": len(texts), "ids_differ": compare_ids(texts, encoder, arguments, files[0])}
    answers = list(reference(arguments, corpus, encoder))
    report["n_prompts"] = len(answers)
    report["answers"] = {path.stem: compare_answers(path, answers, arguments.threads) for path in files}
    (arguments.export / "verify.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))
    sys.exit("; ".join(failures(report)) or None)


def compare_ids(texts: list[str], encoder: Encoder, arguments: argparse.Namespace, gguf: Path) -> dict[str, int]:
    """On how many snippets transformers and llama.cpp give other ids than tokenizers."""
    theirs = AutoTokenizer.from_pretrained(arguments.export / "hf")
    vocabulary = Greedy(gguf, arguments.threads).vocabulary
    differ = {"transformers": 0, "llama.cpp": 0}
    for text in tqdm(texts, desc="token ids", unit=" snippets", mininterval=2):
        ids = encoder.encode(text)
        differ["transformers"] += theirs(text, add_special_tokens=False, split_special_tokens=True)["input_ids"] != ids
        differ["llama.cpp"] += vocabulary.tokenize(Part(text)) != ids
    return differ


@torch.no_grad()
def reference(arguments: argparse.Namespace, corpus: Corpus, encoder: Encoder) -> Iterator[Answer]:
    """Greedy answers of transformers to suffix-first prompts cut from the test packages."""
    model: Any = AutoModelForCausalLM.from_pretrained(arguments.export / "hf")
    model.eval()
    rng = Random(arguments.seed)
    limit = int(model.config.max_position_embeddings * MAX_PROMPT)
    for _ in tqdm(range(arguments.prompts), desc="transformers", unit=" prompts", mininterval=2):
        prompt = _prompt(rng, corpus, encoder, limit)
        ids: list[int] = []
        rows: list[torch.Tensor] = []
        output = model(torch.tensor([prompt]), use_cache=True)
        while len(ids) < N_ANSWER and END not in ids:
            rows.append(output.logits[0, -1])
            ids.append(int(rows[-1].argmax()))
            output = model(torch.tensor([ids[-1:]]), past_key_values=output.past_key_values, use_cache=True)
        yield Answer(prompt, ids, rows)


def compare_answers(path: Path, answers: list[Answer], threads: int) -> dict[str, Any]:
    """How many answers of one GGUF file are equal, and how close the choice was where they part."""
    greedy = Greedy(path, threads)
    gaps = [
        answer.gap(greedy.answer(answer.prompt, N_ANSWER, END))
        for answer in tqdm(answers, desc=path.stem, unit=" prompts", mininterval=2)
    ]
    greedy.close()
    parted = sorted(round(gap, 5) for gap in gaps if gap is not None)
    return {"n_equal": len(gaps) - len(parted), "gaps": parted}


def failures(report: dict[str, Any]) -> Iterator[str]:
    for library, n in report["ids_differ"].items():
        if n:
            yield f"{library} gives other token ids on {n} of {report['n_snippets']} snippets"
    for name, found in report["answers"].items():
        kind = name.rpartition("-")[2]
        if report["n_prompts"] >= FEW_PROMPTS and found["n_equal"] < MIN_EQUAL.get(kind, 0.0) * report["n_prompts"]:
            yield f"{name}: only {found['n_equal']} of {report['n_prompts']} answers are equal"
        if found["gaps"] and found["gaps"][-1] > NEAR_TIE.get(kind, math.inf):
            yield f"{name}: an answer parts where the logits differ by {found['gaps'][-1]}, more than {NEAR_TIE[kind]}"


def _prompt(rng: Random, corpus: Corpus, encoder: Encoder, limit: int) -> list[int]:
    """Ends the program where no place has text before it."""
    for _ in range(MAX_TRIES):
        number, byte = corpus.file_at(rng.randrange(corpus.n_bytes))
        found = corpus.excerpt(number, byte, PREFIX_CHARS + SUFFIX_CHARS)
        start, end = holes.draw(rng, found.text, found.focus)
        start = holes.healed(found.text, start)
        suffix = encoder.encode(found.text[end : end + SUFFIX_CHARS])[: limit // 3]
        prefix = encoder.encode(found.text[max(0, start - PREFIX_CHARS) : start])[-limit // 2 :]
        if prefix:
            return [FIM_PREFIX, FIM_SUFFIX, *suffix, FIM_MIDDLE, *prefix]
    sys.exit(f"{corpus.place} has no place with text before it: prepare files of program text")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--export", type=Path, required=True, help="folder that export.py wrote")
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare.py wrote")
    parser.add_argument("--snippets", type=int, default=10_000)
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
