"""Texts for servers that find markers in any text, and values from servers that nobody believes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from codels.errors import MarkerMissing
from codels.generation import BOS, Part, Prompt

MAX_COUNT = 10_000_000
"""Tokens: who counts more is wrong."""

MAX_NATS = 1e6
"""Some servers write -9999 for what cannot be."""


def without(text: str, markers: tuple[str, ...]) -> str:
    """The text without any marker, also without those that stand there once others are cut out."""
    if not markers:
        return text
    pattern, former = _any_of(markers), ""
    while text != former:
        former, text = text, pattern.sub("", text)
    return text


@cache
def _any_of(markers: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(markers, key=len, reverse=True))))


def joined(prompt: Prompt, known: Sequence[str]) -> Iterator[Part]:
    """The parts, with what is to be healed as text of its own; neighbouring texts are one. Raises `MarkerMissing`."""
    for is_special, group in groupby((*prompt.parts, Part(prompt.heal)), key=lambda part: part.special):
        if not is_special:
            text = "".join(part.text for part in group)
            yield Part(text.encode("utf-8", "replace").decode())  # JSON has no lone surrogates
            continue
        for part in group:
            if part.text and part.text not in known:
                raise MarkerMissing(part.text)
            yield part if part.text else BOS


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def fields(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT else 0


def logprob(value: Any) -> float:
    """0 where it is none: also for infinity, which JSON can say, and for numbers of thousands of digits."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and -MAX_NATS < value < MAX_NATS
    return min(0.0, float(value)) if is_number else 0.0
