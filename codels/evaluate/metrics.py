"""How near an answer is to what stood there, and how sure a mean of such numbers is. Scores go from 0 to 100."""

from __future__ import annotations

import math
import random
import re
import statistics
import textwrap
from collections import Counter
from collections.abc import Sequence

N_RESAMPLES = 1000
MAX_ORDER = 4


def first_line(text: str) -> str:
    return text.split("\n", 1)[0].rstrip()


def block(text: str, indent: str) -> str:
    """A block as its lines say it: common indentation, blanks at line ends and blank lines at its end aside."""
    lines = (line.rstrip() for line in (indent + text).replace("\r\n", "\n").split("\n"))
    return textwrap.dedent("\n".join(lines)).rstrip()


def similarity(a: str, b: str) -> float:
    """Edit similarity as fuzz.ratio defines it: 200 · longest common subsequence / characters of both; 100 if equal.

    The subsequence's length is found bit by bit, all of `a` at once (Hyyrö 2004).
    """
    if not a and not b:
        return 100.0
    places: dict[str, int] = {}
    for index, char in enumerate(a):
        places[char] = places.get(char, 0) | 1 << index
    all_ones = (1 << len(a)) - 1
    row = all_ones
    for char in b:
        matches = row & places.get(char, 0)
        row = (row + matches | row - matches) & all_ones
    n_common = len(a) - row.bit_count()
    return 200 * n_common / (len(a) + len(b))


def bleu(answer: str, reference: str) -> float:
    """Smoothed sentence BLEU-4 as CodeXGLUE's code-to-text task defines it: lower case, one added from bigrams on."""
    said, wanted = _words(answer), _words(reference)
    total = 0.0
    for order in range(1, MAX_ORDER + 1):
        mine, theirs = _grams(said, order), _grams(wanted, order)
        smooth = 1 if order > 1 else 0
        n_right = sum((mine & theirs).values()) + smooth
        n_said = max(0, len(said) - order + 1) + smooth
        if not n_right or not n_said:
            return 0.0
        total += math.log(n_right / n_said)
    brevity = min(0.0, 1 - (len(wanted) + 1) / (len(said) + 1))
    return 100 * math.exp(total / MAX_ORDER + brevity)


_ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}
_SPACED = (
    (re.compile(r"([{-~\[-` -&(-+:-@/])"), r" \1 "),  # signs, but for apostrophe, comma, hyphen and full stop
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
"""The tokens of mteval, which that task uses."""


def _words(text: str) -> list[str]:
    text = text.replace("-\n", "").replace("\n", " ")
    for entity, char in _ENTITIES.items():
        text = text.replace(entity, char)
    text = f" {text.lower()} "
    for pattern, spaced in _SPACED:
        text = pattern.sub(spaced, text)
    return text.split()


def _grams(words: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[start : start + order]) for start in range(len(words) - order + 1))


def interval(values: Sequence[float], seed: int) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean. Of differences of pairs, it is the paired one."""
    rng, n = random.Random(seed), len(values)
    return _middle([sum(rng.choices(values, k=n)) / n for _ in range(N_RESAMPLES)]) if n else (math.nan, math.nan)


def ratio_interval(parts: Sequence[float], wholes: Sequence[float], seed: int) -> tuple[float, float]:
    """The 95 % bootstrap interval of sum(parts) / sum(wholes), where tasks are drawn with both their numbers."""
    rng, pairs, ratios = random.Random(seed), list(zip(parts, wholes, strict=True)), []
    for _ in range(N_RESAMPLES if pairs else 0):
        drawn = rng.choices(pairs, k=len(pairs))
        whole = sum(pair[1] for pair in drawn)
        ratios.append(sum(pair[0] for pair in drawn) / whole if whole else 0.0)
    return _middle(ratios) if ratios else (math.nan, math.nan)


def _middle(values: list[float]) -> tuple[float, float]:
    """What holds 95 % of the values."""
    cuts = statistics.quantiles(values, n=40, method="inclusive")
    return cuts[0], cuts[-1]


def percentile(values: Sequence[float], percent: int) -> float:
    """nan where there are no values."""
    if len(values) < 2:
        return values[0] if values else math.nan
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
