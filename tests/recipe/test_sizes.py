"""The settings of a size, and the phases of a run."""

from pathlib import Path

import pytest
from places import RECIPE

import recipe
from progress import Phase, Progress

TABLES = {
    "shape": {"vocabulary": 300, "d": 64, "layers": 1, "heads": 2, "kv_heads": 1, "ff": 256, "context": 64},
    "training": {"rows": 4, "micro_rows": 2},
}

REFUSED = [
    ("shape", "heads", 3, "no multiple of heads"),
    ("shape", "kv_heads", 3, "no multiple of kv_heads"),
    ("shape", "ff", 100, "no multiple of 256"),
    ("shape", "colour", 1, "colour"),
    ("mixture", "fim", 1.5, "mixture.fim is 1.5"),
    ("shape", "heads", 0, "shape.heads is 0: it must be a whole number above 0"),
    ("shape", "layers", -1, "shape.layers is -1"),
    ("shape", "context", 0.5, "shape.context is 0.5"),
    ("training", "micro_rows", 0, "training.micro_rows is 0"),
    ("mixtures", "fim", 0.5, r"unknown tables \(mixtures\): it may have shape, mixture, training"),
    ("training", "micro_rows", 3, "no multiple of micro_rows"),
    ("training", "answers_from", 2, "training.answers_from is 2: a share"),
]


@pytest.mark.parametrize("path", sorted((RECIPE / "config").glob("*.toml")), ids=lambda path: path.stem)
def test_every_size_parses(path: Path) -> None:
    assert recipe.load(path).name == path.stem


@pytest.mark.parametrize(("table", "key", "value", "said"), REFUSED)
def test_a_wrong_value_is_named(table: str, key: str, value: object, said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        recipe.parse("odd", {**TABLES, table: {**TABLES.get(table, {}), key: value}})


def test_a_missing_table_is_named() -> None:
    with pytest.raises(SystemExit, match="training"):
        recipe.parse("odd", {"shape": TABLES["shape"]})


@pytest.mark.parametrize(
    ("phase", "share", "rate"),
    [
        (Phase(), 0.0, 1.0),
        (Phase(tokens=200), 0.5, 1.0),
        (Phase(seconds=40), 0.25, 1.0),
        (Phase(tokens=200, seconds=40), 0.5, 1.0),  # what comes first
        (Phase(tokens=400, decay=1.0), 0.25, 0.75),
        (Phase(tokens=50, decay=1.0), 2.0, 0.0),
        (Phase(tokens=200, decay=0.5), 0.5, 1.0),
        (Phase(tokens=160, decay=0.5), 0.625, 0.75),
    ],
)
def test_phases(phase: Phase, share: float, rate: float) -> None:
    progress = Progress().after(100, 10.0)
    assert (phase.share(progress), phase.rate(progress)) == (share, rate)


def test_a_decay_phase_counts_anew() -> None:
    progress = Progress().after(100, 10.0).as_new_phase().after(50, 5.0)
    assert (progress.step, progress.tokens, progress.phase_tokens, progress.phase_seconds) == (2, 150, 50, 5.0)
