"""HumanEval-Infilling: the caret, the program, what the tests say; broken rows are named."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from codels.errors import UserError
from codels.evaluate import infilling
from codels.evaluate.sources import without_model
from codels.evaluate.task import Task

LINE = {
    "task_id": "Line/0",
    "entry_point": "double",
    "prompt": "def double(x):\n",
    "suffix": "    return y\n",
    "canonical_solution": "    y = 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n",
}
SPAN = {**LINE, "task_id": "Span/0", "prompt": "def double(x):\n    y = 2", "suffix": "\n    return y\n"}
SPAN["canonical_solution"] = " * x"


def write(folder: Path, *rows: object) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return path


def load(folder: Path, *rows: object, n: int = 0) -> list[Task]:
    return infilling.load(write(folder, *rows), n, 0)[0]


def test_a_line_s_caret_stands_on_an_empty_line(tmp_path: Path) -> None:
    (task,) = load(tmp_path, LINE)
    assert task.site.snapshot.lines == ("def double(x):\n", "\n", "    return y\n", "")
    assert (task.site.line, task.site.column, task.gold) == (1, 0, "    y = 2 * x")


def test_a_span_s_caret_stands_in_its_line(tmp_path: Path) -> None:
    (task,) = load(tmp_path, SPAN)
    assert task.site.snapshot.lines == ("def double(x):\n", "    y = 2\n", "    return y\n", "")
    assert (task.site.line, task.site.column, task.gold) == (1, 9, " * x")


FILLED = [
    # the row, what goes in, whether the tests pass, why it ended
    (LINE, "    y = 2 * x", True, "exit"),
    (LINE, "    y = x + x", True, "exit"),
    (LINE, "    y = 3 * x", False, "exit"),
    (LINE, "", False, "exit"),
    (LINE, "y = 2 * x", False, "exit"),
    (LINE, "    import os; os._exit(0)", False, "exit"),
    (LINE, "    raise SystemExit(0)", False, "exit"),
    (LINE, "    while True: pass", False, "time"),
    (SPAN, " * x", True, "exit"),
    (SPAN, "", False, "exit"),
]


@pytest.mark.parametrize(("row", "text", "passes", "why"), FILLED)
def test_the_tests_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: dict[str, str], text: str, passes: bool, why: str
) -> None:
    if why == "time":
        monkeypatch.setattr(infilling, "LIMITS", infilling.Limits(wall_s=0.5))
    (task,) = load(tmp_path, row)
    filled = Task(task.id, task.site, text, task.facts)
    done = asyncio.run(infilling.run(filled, without_model("reference", {})(filled)))
    assert (done["passed"], done["why"]) == (100.0 * passes, why)


def test_broken_rows_are_counted_and_named(tmp_path: Path) -> None:
    path = write(tmp_path, LINE, "{", {**LINE, "suffix": None}, [1], SPAN)
    tasks, broken = infilling.load(path, 0, 0)
    assert [task.id for task in tasks] == ["Line/0", "Span/0"]
    assert [item.where for item in broken] == ["row 2", "row 3", "row 4"]
    assert broken[0].reason.startswith("is no JSON")
    assert broken[1].reason == "has no text 'suffix'"


@pytest.mark.parametrize("rows", [[], ["{"], [{"p": "", "f": "", "t": ""}]])
def test_a_file_of_something_else_is_refused(tmp_path: Path, rows: list[object]) -> None:
    with pytest.raises(UserError, match="has no rows of HumanEval-Infilling"):
        load(tmp_path, *rows)


def test_some_of_the_rows_are_drawn_by_lot(tmp_path: Path) -> None:
    rows = [{**LINE, "task_id": str(n)} for n in range(20)]
    ids = [task.id for task in load(tmp_path, *rows, n=5)]
    assert len(set(ids)) == 5
    assert ids == [task.id for task in load(tmp_path, *rows, n=5)]


OFFICIAL = [
    ("HumanEval-SingleLineInfilling.jsonl.gz", 1033),
    ("HumanEval-RandomSpanInfillingLight.jsonl.gz", 164),
]


@pytest.mark.parametrize(("name", "n"), OFFICIAL)
def test_every_row_of_the_benchmark_is_a_task(shared: Path, name: str, n: int) -> None:
    tasks, broken = infilling.load(shared / "data" / "human-eval-infilling" / name, 0, 0)
    assert (len(tasks), broken) == (n, [])
    for task in tasks:
        lines, line = task.site.snapshot.lines, task.site.line
        assert "".join(lines[:line]) + task.site.before == task.facts["prompt"]
        assert infilling.program(task, task.gold).count(task.facts["suffix"]) >= 1
