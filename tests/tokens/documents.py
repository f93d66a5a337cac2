"""Random documents that a tokenizer can go wrong with: code, any Unicode, line ends, digits, markers, long lines."""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from codels.core import Site, Snapshot, Snippet
from codels.lines import split_lines
from codels.prompt.families import FAMILIES

MARKERS = (
    *dict.fromkeys(marker for family in FAMILIES.values() for marker in family.all_markers),
    "<PRE>", " <PRE>", " <SUF>", " <MID>", " <EOT>", "▁<PRE", "<fim_prefix", "fim_suffix>", "<|EOT", "|EOT|>",
    "<s>", "</s>", "<unk>", "<0x0A>", "[PAD32022]", "[PAD49152]", "<pad>", "<|User|>", "<|Assistant|>",
    "<｜begin▁of▁sentence｜>",
    "<file_sep>", "<repo_name>", "<filename>", "<reponame>", "<gh_stars>", "☺", "▁",
)  # fmt: skip

BLANKS = (
    "\r\n", "\r", "\n", "\t", " ", "  ", "    ", "\n\n", "\r\n\r\n", " \n", "\t\t", "\v", "\f",
    "\x85", "\u00a0", "\u3000", "\u2028", "\ufeff",
)  # fmt: skip

PLANES = ((0x20, 0x7F), (0xA0, 0x250), (0x250, 0x3100), (0x3100, 0xD800), (0xE000, 0x10000), (0x10000, 0x20000),
          (0x20000, 0x110000))  # fmt: skip
"""Ranges of code points that are drawn from alike, so that the first planes are not rare."""

WINDOWS = (80, 400, 1500, 6144)
"""Characters of the window around the caret."""


@dataclass(frozen=True)
class Document:
    """A caret in a document, other places that may help, and the size of the window in characters."""

    site: Site
    snippets: tuple[Snippet, ...]
    max_chars: int


def documents(n: int, seed: int, corpus: Path) -> Iterator[Document]:
    """`n` of them, the same ones for the same seed; code comes from the JSON lines of `corpus`."""
    rng = random.Random(seed)
    for _ in range(n):
        text = _text(rng, rng.randrange(1, 12), _code(corpus))
        lines = tuple(split_lines(text))
        line = rng.randrange(len(lines))
        column = rng.randrange(len(lines[line].rstrip("\r\n")) + 1)
        snippets = [
            Snippet(rng.choice(("a.py", "pkg/é ü.py", "<fim_prefix>.py")), _text(rng, rng.randrange(4), _code(corpus)))
            for _ in range(rng.choice((0, 0, 1, 2)))
        ]
        snapshot = Snapshot("file:///project/app.py", "python", 1, lines)
        yield Document(Site(snapshot, line, column), tuple(snippets), rng.choice(WINDOWS))


def _text(rng: random.Random, n_pieces: int, code: tuple[str, ...]) -> str:
    return "".join(_piece(rng, code) for _ in range(n_pieces))


def _piece(rng: random.Random, code: tuple[str, ...]) -> str:
    kind = rng.randrange(10)
    if kind < 4:
        text = rng.choice(code)
        start = rng.randrange(len(text))
        piece = text[start : start + rng.randrange(1, 800)]
        return piece.replace("\n", "\r\n") if rng.random() < 0.2 else piece
    if kind == 4:
        return "".join(chr(rng.randrange(*rng.choice(PLANES))) for _ in range(rng.randrange(1, 40)))
    if kind == 5:
        return "".join(rng.choices(MARKERS, k=rng.randrange(1, 6)))
    if kind == 6:
        return "".join(rng.choices(BLANKS, k=rng.randrange(1, 12)))
    if kind == 7:
        return "".join(rng.choices("0123456789._eE+-xabcdef٠١٢३½²Ⅷ", k=rng.randrange(1, 30)))
    if kind == 8:
        return rng.choice(("a", "=", " ", "9", "\t", "é", "日", "\0", "\x7f")) * rng.randrange(1, 3000)
    letters = [
        *"abz_ZA9 (){}[]<>|.,:;'\"#@\\/-+*=!?~^%&$\n\t",
        "\ud83d",
        "\udc00",
        "é",
        "e\u0301",
        "日本",
        "👩‍💻",
        "\u200d",
    ]
    return "".join(rng.choices(letters, k=rng.randrange(1, 60)))


@cache
def _code(corpus: Path) -> tuple[str, ...]:
    with lzma.open(corpus, "rt", encoding="utf-8") as rows:
        return tuple(text for row, _ in zip(rows, range(400), strict=False) if (text := json.loads(row)["t"]))
