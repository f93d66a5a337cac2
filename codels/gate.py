"""Quiet when unsure: how likely a suggestion's lines are right, and how many of them are sure enough to be shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from codels.generation import Step
from codels.lines import split_lines


class Eagerness(StrEnum):
    """How sure a model must be before it speaks unasked."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Gate:
    """One model's calibration, from its card (Platt, 1999): the chance of being right is the logistic function of
    `intercept + slope * log-probability`. The others are the least chances that each eagerness shows.
    """

    intercept: float
    slope: float
    low: float
    medium: float
    high: float

    def chance(self, logprob: float) -> float:
        """That text of this natural log-probability is what the user would write; 0 to 1."""
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, self.intercept + self.slope * logprob))))

    def least(self, eagerness: Eagerness) -> float:
        return {Eagerness.LOW: self.low, Eagerness.MEDIUM: self.medium, Eagerness.HIGH: self.high}[eagerness]


def first_line(said: Step) -> float:
    """The natural log-probability of the first line, and of its end."""
    return said.logprob(_line_ends(said.text)[0])


def sure(said: Step, gate: Gate, eagerness: Eagerness) -> int:
    """How many characters of the answer are sure enough: whole lines from its first on, or 0."""
    n_chars = 0
    for end in _line_ends(said.text):
        if gate.chance(said.logprob(end)) < gate.least(eagerness):
            break
        n_chars = end
    return n_chars


def _line_ends(text: str) -> list[int]:
    """Behind each line that says something: blank lines belong to the one above, or to the first."""
    ends, end = [], 0
    for line in split_lines(text):
        end += len(line)
        if line.strip():
            ends.append(end)
    return ends or [len(text)]
