"""HumanEval-Infilling: a program with a hole, filled and run against its tests in the sandbox. Scores pass@1.

The single-line hole is a whole line: the caret stands on an empty one, and the answer gets the line end that an editor
keeps. In a random span the answer goes in as it is. Empty answers leave the hole empty.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from codels.checks import sandbox
from codels.checks.jails import Limits
from codels.core import Site, Snapshot
from codels.errors import UserError
from codels.evaluate import corpus, fill, metrics
from codels.evaluate.task import Ask, Broken, Number, Row, Task
from codels.lines import split_lines

LIMITS = Limits(wall_s=3.0, cpu_s=3, memory_bytes=2 << 30)
"""The benchmark's own time; the memory is ours."""

_FIELDS = ("task_id", "entry_point", "prompt", "suffix", "canonical_solution", "test")


def load(data: Path, n: int, seed: int) -> tuple[list[Task], list[Broken]]:
    """The benchmark's rows in their order, or `n` of them by lot; and those that are none."""
    tasks, broken = [], []
    for number, row in corpus.rows(_file(data)):
        if isinstance(row, Broken):
            broken.append(row)
        elif missing := [name for name in _FIELDS if not isinstance(_field(row, name), str)]:
            broken.append(Broken(f"row {number}", f"has no text {missing[0]!r}"))
        else:
            tasks.append(_task(row))
    if not tasks:
        raise UserError(f"{str(data)!r} has no rows of HumanEval-Infilling: {', '.join(_FIELDS)}")
    return (random.Random(seed).sample(tasks, n) if 0 < n < len(tasks) else tasks), broken


def _file(data: Path) -> Path:
    if data.is_dir():
        raise UserError(f"{str(data)!r} is a folder: --data must name one of HumanEval-Infilling's .jsonl.gz files")
    return data


def _field(row: Any, name: str) -> Any:
    return row.get(name) if isinstance(row, dict) else None


def _task(row: dict[str, str]) -> Task:
    is_line = row["prompt"].endswith("\n") and row["canonical_solution"].endswith("\n")
    after = "\n" + row["suffix"] if is_line else row["suffix"]
    before = split_lines(row["prompt"])
    lines = (*before[:-1], *split_lines(before[-1] + after))
    snapshot = Snapshot(f"file:///{row['task_id']}.py", "python", 0, lines)
    site = Site(snapshot, len(before) - 1, len(before[-1]))
    gold = row["canonical_solution"].removesuffix("\n") if is_line else row["canonical_solution"]
    facts = {name: row[name] for name in ("prompt", "suffix", "test", "entry_point")}
    return Task(row["task_id"], site, gold, {**facts, "line_end": "\n" if is_line else ""})


async def run(task: Task, ask: Ask, is_typed: bool = False) -> Row:
    """Fill the hole and run the tests; `why` says what ended them."""
    answer = await ask(task.site, not is_typed)
    text = answer.completions[0].text if answer.completions else ""
    outcome = await asyncio.to_thread(sandbox.run_to_end, program(task, text), "", LIMITS)
    return {
        "id": task.id,
        "gold": task.gold,
        "answer": text,
        **fill.described(answer),
        "passed": 100.0 * outcome.is_ok,
        "exact": 100.0 * (text.rstrip() == task.gold.rstrip()),
        "why": outcome.why_stopped.value,
        "error": outcome.stderr.rstrip().rpartition("\n")[2][:200],
    }


run_typed = partial(run, is_typed=True)


def program(task: Task, text: str) -> str:
    facts = task.facts
    completion = text + facts["line_end"] if text else ""
    return f"{facts['prompt']}{completion}{facts['suffix']}\n{facts['test']}\ncheck({facts['entry_point']})\n"


def summarize(rows: list[Row], seed: int) -> list[Number]:
    return list(_numbers(rows, seed))


def _numbers(rows: list[Row], seed: int) -> Iterator[Number]:
    for name, title in (("passed", "pass@1"), ("exact", "exact")):
        values = [row[name] for row in rows]
        yield Number(title, sum(values) / len(values), "%", len(values), *metrics.interval(values, seed))
    yield Number("passed", sum(row["passed"] for row in rows) / 100, "", len(rows))
    yield Number("stopped by the time limit", sum(row["why"] == "time" for row in rows), "", len(rows))
    yield Number("answered", 100 * sum(bool(row["answer"]) for row in rows) / len(rows), "%", len(rows))
