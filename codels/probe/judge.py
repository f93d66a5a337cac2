"""From scores to a verdict. All numbers are natural log-probabilities, in nats."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codels.backends import Score
from codels.probe import Finding, Form, Kind, Number, Subject, Verdict

GAIN = 0.5
"""Nats a token by which the suffix must help. Seeing names behind the hole helps untrained models a little, too."""

BESIDE_GAIN = 0.5
"""Nats a token by which the suffix, in its place, must help more than the same text before the prefix."""

END_GAIN = 1.0
"""Nats by which the end behind the middle must be likelier than without the suffix, which tells nothing of an end."""

END_LEAST = -3.0
"""The mean log-probability of that end must be no less: one of twenty. Chance alone does better than it should where a
vocabulary is small."""

ORDER_GAIN = 0.25
"""Nats a token, the end among them, by which another form must be better than the one that is written down."""

SWAP_GAIN = 0.5
"""The same for exchanged markers, whose finding costs the model its suffix: a small model hardly heeds them."""

REPO_GAIN = 0.5
"""Nats a token by which another file must help that alone tells what is missing."""

MOST = 2 / 3
"""Of the holes, in which the better form must be better."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The scores of one form, a hole each."""

    form: Form
    scores: tuple[Score, ...]

    @property
    def means(self) -> list[float]:
        return [score.mean for score in self.scores]

    @property
    def ends(self) -> list[float]:
        return [score.end for score in self.scores]

    @property
    def totals(self) -> list[float]:
        """Of a token, the end taken for one."""
        return [(sum(score.logprobs) + score.end) / (len(score.logprobs) + 1) for score in self.scores]

    @property
    def number(self) -> Number:
        return Number(self.form, fmean(self.means), fmean(self.ends))


Table = Mapping[Form, Measured]


@dataclass(frozen=True, slots=True)
class Without:
    """What a form has to beat: no suffix, and the suffix without its markers, where that was asked."""

    plain: Measured
    beside: Measured | None = None


def best(table: Table, without: Without, forms: Sequence[Form]) -> Form | None:
    """The form that fills in the middle: the first one unless another is clearly better; None where none does."""
    good = [form for form in forms if form in table and fills(table[form], without)]
    if not good:
        return None
    found = max(good, key=lambda form: fmean(table[form].totals))
    first = table.get(forms[0])  # as good as one that fills, it does so too, however short of the bounds it is
    if first and not _is_better(table[found].totals, first.totals, ORDER_GAIN):
        return forms[0]
    return found


def fills(form: Measured, without: Without) -> bool:
    """Whether the suffix helps to say the middle, and not only by the names in it: the model knows where the middle
    ends, or the suffix is worth more in its place than elsewhere.
    """
    if not _is_better(form.means, without.plain.means, GAIN):
        return False
    if fmean(form.ends) >= END_LEAST and _is_better(form.ends, without.plain.ends, END_GAIN):
        return True
    return without.beside is not None and _is_better(form.means, without.beside.means, BESIDE_GAIN)


def is_swapped(swapped: Measured, straight: Measured, without: Without) -> bool:
    """Whether the model takes the marker of the prefix for that of the suffix."""
    return fills(swapped, without) and _is_better(swapped.totals, straight.totals, SWAP_GAIN)


def has_repo(repo: Measured, middle: Measured) -> bool:
    """Whether another file is read in the repository form."""
    return _is_better(repo.means, middle.means, REPO_GAIN)


def verdict(subject: Subject, table: Table, found: Form | None, is_exchanged: bool, has_repo: bool, n: int) -> Verdict:
    """`found` is the form that fills, or none does; `n` holes are known."""
    if any(math.isnan(value) for measured in table.values() for value in (*measured.means, *measured.ends)):
        finding = Finding.BROKEN
    elif is_exchanged:
        finding = Finding.SWAPPED
    elif found:
        finding = Finding.FILLS
    else:
        finding = Finding.LOST if subject.is_instruct else Finding.UNTRAINED
    numbers = tuple(measured.number for measured in table.values())
    n_holes = min(len(measured.scores) for measured in table.values() if measured.form.kind is not Kind.REPO)
    return Verdict(finding, found or subject.asked[0], has_repo, n_holes, n, numbers)


def fmean(values: Sequence[float]) -> float:
    """As in `statistics`, whose import (fractions, decimals) each start of a process would pay."""
    return math.fsum(values) / len(values)


def _is_better(values: Sequence[float], than: Sequence[float], margin: float) -> bool:
    gains = [value - other for value, other in zip(values, than, strict=True)]
    return fmean(gains) >= margin and sum(gain > 0 for gain in gains) >= MOST * len(gains)
