"""Byte-level BPE with the pre-tokenizer that llama.cpp calls `qwen2`, and the marks of the fill-in-the-middle form.

`python tokenizer.py --data DIR --vocabulary 4096 --out tokenizer.json` trains one on a sample of the train split.
Text is always encoded with `Encoder`, which never turns a mark that stands in a source file into a mark.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from corpus import Corpus

MARKS = (
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<|reserved_0|>",
)
"""In the order of their ids."""

END, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE, FIM_PAD, REPO_NAME, FILE_SEP, RESERVED = range(len(MARKS))

QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Exactly theirs; llama.cpp splits by it when `tokenizer.ggml.pre` is `qwen2`."""

MAX_TOKEN_LENGTH = 32
"""Characters: a longer token is a rule of dashes, not Python."""

PIECE_CHARS = 20_000
"""A long file counts with a piece of it, so that it does not outvote the others."""


class Encoder:
    """Text to ids and back. Ends with a sentence for a file that is missing or is no tokenizer."""

    def __init__(self, path: Path) -> None:
        try:
            content = path.read_bytes()
            self._tokenizer = Tokenizer.from_buffer(content)
        except OSError as error:
            sys.exit(f"{path} cannot be read ({error.strerror}): pass the tokenizer.json that tokenizer.py wrote")
        except ValueError as error:
            sys.exit(f"{path} is no tokenizer ({error}): pass the tokenizer.json that tokenizer.py wrote")
        self._tokenizer.encode_special_tokens = True
        self.n_tokens: int = self._tokenizer.get_vocab_size()
        self.sha256 = hashlib.sha256(content).hexdigest()

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    @property
    def tokens(self) -> list[str]:
        """Their texts, as the vocabulary spells them, in the order of their ids."""
        texts = {number: text for text, number in self._tokenizer.get_vocab().items()}
        return [texts[number] for number in range(self.n_tokens)]

    def decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare.py wrote")
    parser.add_argument("--vocabulary", type=int, required=True, help="number of tokens, marks included")
    parser.add_argument("--out", type=Path, required=True, help="the tokenizer.json to write")
    parser.add_argument("--megabytes", type=float, default=60.0, help="of text to learn from (default 60)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    texts = sample(Corpus(arguments.data, "train"), arguments.megabytes, arguments.seed)
    tokenizer = train(texts, arguments.vocabulary)
    tokenizer.save(str(arguments.out))
    held_out = "".join(sample(Corpus(arguments.data, "test"), 4.0, 1))
    n_chars = len(held_out) / len(Encoder(arguments.out).encode(held_out))
    print(f"{arguments.out}: {tokenizer.get_vocab_size()} tokens, {n_chars:.3f} characters a token on test")


def train(texts: Iterator[str], n_tokens: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=n_tokens,
        special_tokens=[AddedToken(mark, special=True, normalized=False) for mark in MARKS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=MAX_TOKEN_LENGTH,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def sample(corpus: Corpus, megabytes: float, seed: int) -> Iterator[str]:
    """Files in random order, each one once and at most a piece of it."""
    order = list(range(len(corpus)))
    random.Random(seed).shuffle(order)
    n_bytes = 0
    for number in order:
        text = corpus.text(number)[:PIECE_CHARS]
        n_bytes += len(text)
        yield text
        if n_bytes > megabytes * 1e6:
            return


if __name__ == "__main__":
    main()
