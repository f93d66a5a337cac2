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
        _check_counts("shape", self, "vocabulary", "d", "layers", "heads", "kv_heads", "ff", "context")
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

    A token that answers a hole counts as `answer_weight` others: few tokens do, and they are what the model is for. It
    does so from the share `answers_from` of a phase on; before that, text teaches more.
    """

    rows: int
    micro_rows: int
    matrix_rate: float = 0.02
    vector_rate: float = 4e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    answer_weight: float = 1.0
    answers_from: float = 0.0
    seed: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        _check_counts("training", self, "rows", "micro_rows")
        is_share = 0 <= self.answers_from <= 1
        check(is_share, f"training.answers_from is {self.answers_from}: a share lies between 0 and 1")
        check(self.rows % self.micro_rows == 0, f"rows {self.rows} is no multiple of micro_rows {self.micro_rows}")


@dataclass(frozen=True, slots=True)
class Recipe:
    name: str
    shape: Shape
    mixture: Mixture
    training: Training

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


TABLES = ("shape", "mixture", "training")


def load(path: Path) -> Recipe:
    """Ends with a sentence for a file that is missing or is no TOML."""
    try:
        return parse(path.stem, tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        sys.exit(f"{path} cannot be read ({error.strerror}): pass a configuration such as config/nano.toml")
    except ValueError as error:
        sys.exit(f"{path} is no TOML ({error}): mend it, or pass a configuration such as config/nano.toml")


def parse(name: str, tables: dict[str, Any]) -> Recipe:
    """A recipe from the tables `shape`, `mixture` and `training`; an unknown table or key is named."""
    unknown = ", ".join(sorted(tables.keys() - set(TABLES)))
    check(not unknown, f"{name!r} has unknown tables ({unknown}): it may have {', '.join(TABLES)}")
    try:
        return Recipe(
            name,
            Shape(**tables["shape"]),
            Mixture(**tables.get("mixture", {})),
            Training(**tables["training"]),
        )
    except (TypeError, KeyError) as error:
        sys.exit(f"the configuration {name!r} does not parse: {error}")


def changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Which values of `training` and `mixture` are others now, in words."""
    return [
        f"{table}.{key} {before.get(table, {}).get(key)} → {value}"
        for table in ("training", "mixture")
        for key, value in now[table].items()
        if before.get(table, {}).get(key) != value
    ]


def _check_counts(table: str, settings: Shape | Training, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        check(isinstance(value, int) and value >= 1, f"{table}.{name} is {value!r}: it must be a whole number above 0")


def check(holds: bool, message: str) -> None:
    if not holds:
        sys.exit(f"configuration: {message}")
