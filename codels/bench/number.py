"""What a measurement gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """A measured value with its unit, how many measurements it stands for, and the bound that it should keep."""

    name: str
    value: float
    unit: str
    n: int
    bound: str = ""
