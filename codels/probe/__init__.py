"""Does a loaded model fill in the middle, and in which form? Known holes are scored with and without their suffix.

`run.probe` asks, `judge` decides, `words` says it. Nothing here reads or writes: scores come through a function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from codels.prompt import Family, Order
from codels.prompt.families import FAMILIES

VERSION = 2
"""Of the holes and rules: a verdict of another version is found anew."""


class Kind(StrEnum):
    """What a prompt shows of a hole."""

    PLAIN = "plain"
    """The prefix only."""
    BESIDE = "beside"
    """The suffix as text before the prefix, without markers: what seeing its names alone is worth."""
    MIDDLE = "middle"
    """Prefix and suffix, as the family writes them."""
    SWAPPED = "swapped"
    """The same, with the markers of prefix and suffix exchanged."""
    REPO = "repo"
    """Another file before both."""


class Finding(StrEnum):
    FILLS = "fills"
    SWAPPED = "swapped"
    """Only with the markers exchanged: the file names them wrongly."""
    LOST = "lost"
    """A chat model that no longer fills in the middle."""
    UNTRAINED = "untrained"
    """The markers are there, and mean nothing to the model."""
    BROKEN = "broken"
    """What the model computes is no number."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a hole. For `PLAIN` and `BESIDE`, the family only says whether a begin token is wanted."""

    family: str
    order: Order
    kind: Kind

    @property
    def row(self) -> Family:
        return FAMILIES[self.family]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be found out. `asked` are the ways that the card names or the vocabulary allows, the one to keep in
    doubt first; `others` are tried where none of those works.
    """

    asked: tuple[Form, ...]
    others: tuple[Form, ...] = ()
    repos: tuple[Form, ...] = ()
    """The forms with other files that the vocabulary can say."""
    language: str = "python"
    is_instruct: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """Of one form: the mean of the holes' log-probabilities, of a token of the middle and of the end behind it."""

    form: Form
    mean: float
    end: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `form` is the best one; it is only used where `can_fill`. `n_holes` of `n_known` were scored."""

    finding: Finding
    form: Form
    has_repo: bool
    n_holes: int
    n_known: int
    numbers: tuple[Number, ...]

    @property
    def can_fill(self) -> bool:
        return self.finding is Finding.FILLS

    def number(self, kind: Kind, form: Form | None = None) -> Number | None:
        """The first one of this kind, and of the family and order of `form` where that is given."""
        wanted = form and (form.family, form.order)
        for number in self.numbers:
            if number.form.kind is kind and (not wanted or (number.form.family, number.form.order) == wanted):
                return number
        return None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Verdict:
        """Raises `ValueError`, `KeyError` or `TypeError` where the data are no verdict."""
        numbers = tuple(Number(_form(n["form"]), float(n["mean"]), float(n["end"])) for n in data["numbers"])
        counts = int(data["n_holes"]), int(data["n_known"])
        return Verdict(Finding(data["finding"]), _form(data["form"]), bool(data["has_repo"]), *counts, numbers)


def _form(data: Mapping[str, Any]) -> Form:
    if data["family"] not in FAMILIES:
        raise ValueError(f"there is no family {data['family']!r:.60}")
    return Form(data["family"], Order(data["order"]), Kind(data["kind"]))
