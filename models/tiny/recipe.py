"""The settings of one size, read from a TOML file in `config/` and checked at the door."""

from __future__ import annotations

import dataclasses
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

K_QUANT_BLOCK = 256
"""llama.cpp's K-quants take rows of a multiple of this many weights."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The model."""

    vocabulary: int
    d: int
    layers: int
    heads: int
    kv_heads: int
    ff: int
    context: int
    theta: float = 10000.0
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        check(self.d % self.heads == 0, f"d {self.d} is no multiple of heads {self.heads}")
        check(self.heads % self.kv_heads == 0, f"heads {self.heads} is no multiple of kv_heads {self.kv_heads}")
        check(self.ff % K_QUANT_BLOCK == 0, f"ff {self.ff} is no multiple of {K_QUANT_BLOCK}: no K-quant would fit")

    @property
    def head_dim(self) -> int:
        return self.d // self.heads


@dataclass(frozen=True, slots=True)
class Mixture:
    """What the training rows are made of, as shares between 0 and 1."""

    fim: float = 0.68
    suffix_first: float = 0.7
    repository: float = 0.12
    healed: float = 0.85

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            check(0 <= value <= 1, f"mixture.{name} is {value}: a share lies between 0 and 1")


@dataclass(frozen=True, slots=True)
class Training:
    """How the weights are changed. A step reads `rows` rows, `micro_rows` of them at once in a process.

    A token that answers a hole counts as `answer_weight` others: few tokens do, and they are what the model is for.
    """

    rows: int
    micro_rows: int
    matrix_rate: float = 0.02
    vector_rate: float = 4e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    answer_weight: float = 1.0
    seed: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        check(self.rows % self.micro_rows == 0, f"rows {self.rows} is no multiple of micro_rows {self.micro_rows}")


@dataclass(frozen=True, slots=True)
class Recipe:
    name: str
    shape: Shape
    mixture: Mixture
    training: Training

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def load(path: Path) -> Recipe:
    return parse(path.stem, tomllib.loads(path.read_text("utf-8")))


def parse(name: str, tables: dict[str, Any]) -> Recipe:
    """A recipe from the tables `shape`, `mixture` and `training`; an unknown key is named."""
    try:
        return Recipe(
            name,
            Shape(**tables["shape"]),
            Mixture(**tables.get("mixture", {})),
            Training(**tables["training"]),
        )
    except (TypeError, KeyError) as error:
        sys.exit(f"the configuration {name!r} does not parse: {error}")


def check(holds: bool, message: str) -> None:
    if not holds:
        sys.exit(f"configuration: {message}")
