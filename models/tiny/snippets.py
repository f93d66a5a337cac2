"""Random texts on which tokenizers are compared: signs that break tokenizers, and pieces of real files."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from corpus import Corpus

HARD = (
    "\t\tif x:\r\n\t\t\tpass\n",
    "# déjà vu — 日本語 🎉 ﬁ\n\n\n    \n x  =  1\n",
    "don't I'LL we're 'S 'Re ſ's 'ſ",
    "a\u00a0b\u2028c\u3000d\x85e\x1cf",
    "  \n\n   \n\t\n  x",
    "1234567 0xFF 1_000 ١٢٣",
    "x\r\n\r\n  y\r z",
    "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>",
    "\ufeffx",
    "e\u0301\u0300 ½ Ⅷ ²",
)
"""Line ends, blanks, digits, letters beyond ASCII, and marks that stand in a source file."""

SIGNS = "abz AZ09_'\"()[]{}:,.=+-*/#\n\r\t  \u00a0\u2028\u3000é日本🎉\u0301ſK½²ß\u200b\ufeff\x85\x1c\x0b\x0c"
MAX_SIGNS = 60

SHARE_OF_SIGNS = 1 / 3
PIECE_CHARS = (5, 400)


def snippets(corpus: Corpus, n: int, rng: Random) -> Iterator[str]:
    """`n` texts: the hard ones, then a third of random signs, then pieces of the corpus cut anywhere."""
    yield from HARD[:n]
    for number in range(len(HARD), n):
        if number < n * SHARE_OF_SIGNS:
            yield "".join(rng.choice(SIGNS) for _ in range(rng.randint(1, MAX_SIGNS)))
        else:
            yield _piece(corpus, rng)


def _piece(corpus: Corpus, rng: Random) -> str:
    file, byte = corpus.file_at(rng.randrange(corpus.n_bytes))
    text = corpus.excerpt(file, byte, PIECE_CHARS[1]).text
    start = rng.randrange(len(text) + 1)
    return text[start : start + rng.randint(*PIECE_CHARS)]
