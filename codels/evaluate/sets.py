"""The sets by name. A set loads tasks from data, runs one to a row, and sums rows up to numbers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from codels.errors import UserError
from codels.evaluate import cuts, fill, holes, infilling, replay
from codels.evaluate.baselines import BASELINES, BLOCK_BASELINES, Baselines
from codels.evaluate.fill import Fill
from codels.evaluate.task import Ask, Broken, Number, Row, Task

Load = Callable[[Path, int, int], tuple[list[Task], list[Broken]]]
"""From data, the wanted number of tasks and the seed."""


@dataclass(frozen=True, slots=True)
class EvalSet:
    """`run_typed` is as `run`, but asks as an editor does while typing."""

    about: str
    load: Load
    run: Callable[[Task, Ask], Awaitable[Row]]
    summarize: Callable[[list[Row], int], list[Number]]
    run_typed: Callable[[Task, Ask], Awaitable[Row]]
    n: int = 1000
    """How many tasks unless told; 0 means all."""
    baselines: Baselines = field(default_factory=lambda: BASELINES)
    multiline: bool = True
    is_code_run: bool = False


_INFILLING = EvalSet("", infilling.load, infilling.run, infilling.summarize, infilling.run_typed, n=0, is_code_run=True)


def _filled(about: str, find: holes.Find, way: Fill) -> EvalSet:
    load, run_typed = partial(holes.load, find), replace(way, is_typed=True).run
    return EvalSet(about, load, way.run, fill.summarize, run_typed, baselines=way.baselines)


_TYPED = EvalSet(
    "lines typed key by key, by a user who accepts what is right",
    partial(holes.load, cuts.whole_lines),
    replay.run,
    replay.summarize,
    replay.run,
    n=200,
)

SETS = {
    "line-end": _filled("the rest of a line, from anywhere in it", cuts.line_ends, Fill(fill.judge_line)),
    "whole-line": _filled("a whole line behind its indentation", cuts.whole_lines, Fill(fill.judge_line)),
    "block": _filled("the 2 to 8 lines below a header", cuts.blocks, Fill(fill.judge_block, BLOCK_BASELINES)),
    "docstring": _filled("a docstring's first paragraph", cuts.docstrings, Fill(fill.judge_docstring)),
    "infilling-single-line": replace(_INFILLING, about="HumanEval-Infilling, a line missing", multiline=False),
    "infilling-random-span-light": replace(_INFILLING, about="HumanEval-Infilling, any stretch missing"),
    "replay": _TYPED,
    "latency": replace(_TYPED, about="a warm key that runs the model", summarize=replay.latency, n=50),
}


def find(name: str) -> EvalSet:
    if name not in SETS:
        raise UserError(f"there is no set {name!r}; known are {', '.join(SETS)}")
    return SETS[name]
