"""From scores to a verdict. All numbers are natural log-probabilities, in nats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from codels.backends import Score
from codels.probe import Finding, Form, Kind, Number, Subject, Verdict

GAIN = 0.5
"""Nats a token by which the suffix must help. Seeing names behind the hole helps untrained models a little, too."""

END_GAIN = 1.0
"""Nats by which the end behind the middle must be likelier than without the suffix, which tells nothing of an end."""

ORDER_GAIN = 0.25
"""Nats a token, the end among them, by which another form must be better than the one that is written down."""

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


def best(table: Table, plain: Measured, forms: Sequence[Form]) -> Form | None:
    """The form that fills in the middle: the first one unless another is clearly better; None where none does."""
    good = [form for form in forms if form in table and fills(table[form], plain)]
    if not good:
        return None
    found = max(good, key=lambda form: fmean(table[form].totals))
    if forms[0] in good and not _is_better(table[found].totals, table[forms[0]].totals, ORDER_GAIN):
        return forms[0]
    return found


def fills(form: Measured, plain: Measured) -> bool:
    """Whether the suffix helps, both to say the middle and to know where it ends."""
    return _is_better(form.means, plain.means, GAIN) and _is_better(form.ends, plain.ends, END_GAIN)


def is_swapped(swapped: Measured, straight: Measured, plain: Measured) -> bool:
    """Whether the model takes the marker of the prefix for that of the suffix."""
    return fills(swapped, plain) and _is_better(swapped.totals, straight.totals, ORDER_GAIN)


def has_repo(repo: Measured, middle: Measured) -> bool:
    """Whether another file is read in the repository form."""
    return _is_better(repo.means, middle.means, REPO_GAIN)


def verdict(subject: Subject, table: Table, form: Form, is_exchanged: bool, has_repo: bool, n_known: int) -> Verdict:
    """`form` is the best one, whether it fills or not."""
    plain = next(measured for measured in table.values() if measured.form.kind is Kind.PLAIN)
    if is_exchanged:
        finding = Finding.SWAPPED
    elif fills(table[form], plain):
        finding = Finding.FILLS
    else:
        finding = Finding.LOST if subject.is_instruct else Finding.UNTRAINED
    numbers = tuple(measured.number for measured in table.values())
    return Verdict(finding, form, has_repo, len(plain.scores), n_known, numbers)


def _is_better(values: Sequence[float], than: Sequence[float], margin: float) -> bool:
    gains = [value - other for value, other in zip(values, than, strict=True)]
    return fmean(gains) >= margin and sum(gain > 0 for gain in gains) >= MOST * len(gains)
