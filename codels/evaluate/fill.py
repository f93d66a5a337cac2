"""Sets that ask once at each hole, and compare the answer, and each baseline's, with what stood there."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

from codels.core import Answer, Completion
from codels.evaluate import metrics
from codels.evaluate.baselines import BASELINES, Baselines
from codels.evaluate.task import Ask, Number, Row, Task

Judge = Callable[[Task, str], dict[str, float]]
"""Scores of a text that was put in, each from 0 to 100."""


def judge_line(task: Task, text: str) -> dict[str, float]:
    """The first line, blanks at its end aside."""
    said, gold = metrics.first_line(text.replace("\r\n", "\n")), metrics.first_line(task.gold)
    return {"exact": 100.0 * (said == gold), "similarity": metrics.similarity(said, gold)}


def judge_block(task: Task, text: str) -> dict[str, float]:
    """All of it, common indentation aside."""
    said, gold = metrics.block(text, task.site.indent), metrics.block(task.gold, task.site.indent)
    return {"exact": 100.0 * (said == gold), "similarity": metrics.similarity(said, gold)}


def judge_docstring(task: Task, text: str) -> dict[str, float]:
    """The first paragraph, as one line."""
    said, gold = _summary(text), _summary(task.gold)
    return {"bleu": metrics.bleu(said, gold), "similarity": metrics.similarity(said, gold)}


def _summary(doc: str) -> str:
    return " ".join(inspect.cleandoc(doc).strip().partition("\n\n")[0].split())


@dataclass(frozen=True, slots=True)
class Fill:
    """Asks, judges, and sums up. `is_typed`: as while typing, with the rules and the gate of that."""

    judge: Judge
    baselines: Baselines = field(default_factory=lambda: BASELINES)
    is_typed: bool = False

    async def run(self, task: Task, ask: Ask) -> Row:
        answer = await ask(task.site, not self.is_typed)
        text = answer.completions[0].text if answer.completions else ""
        baselines = {name: function(task.site) for name, function in self.baselines.items()}
        return {
            "id": task.id,
            "gold": task.gold,
            "answer": text,
            **described(answer),
            **self.judge(task, text),
            "baselines": {name: {"answer": said, **self.judge(task, said)} for name, said in baselines.items()},
        }


def described(answer: Answer) -> Row:
    """How sure the model was, and what the answer cost: each stage in milliseconds, and tokens."""
    best = answer.completions[0] if answer.completions else Completion("")
    stats = answer.stats
    return {
        "reason": answer.reason,
        "logprob": round(best.logprob, 4),
        "confidence": best.confidence,
        "stages": {stage: round(ms, 3) for stage, ms in answer.stages.items()},
        "n_prompt": stats.n_prompt if stats else 0,
        "n_reused": stats.n_reused if stats else 0,
        "n_decoded": stats.n_decoded if stats else 0,
        "prefill_ms": round(stats.prefill_ms, 3) if stats else 0.0,
        "decode_ms": round(stats.decode_ms, 3) if stats else 0.0,
    }


def summarize(rows: list[Row], seed: int) -> list[Number]:
    """Each score with its interval, then how far it is above each baseline's, with the paired interval."""
    scores = [score for score in ("exact", "bleu", "similarity") if score in rows[0]]
    numbers = [_mean(score, [row[score] for row in rows], seed) for score in scores]
    for name in rows[0]["baselines"]:
        for score in scores:
            theirs = [row["baselines"][name][score] for row in rows]
            differences = [row[score] - value for row, value in zip(rows, theirs, strict=True)]
            numbers.append(_mean(f"{score}, baseline {name}", theirs, seed))
            numbers.append(_mean(f"{score}, above {name}", differences, seed))
    return [*numbers, *_shown(rows, seed), *_cost(rows)]


def _shown(rows: list[Row], seed: int) -> list[Number]:
    """How many got an answer, and how many of those were right."""
    shown = [row for row in rows if row["answer"].strip()]
    numbers = [_mean("answered", [100.0 * bool(row["answer"].strip()) for row in rows], seed)]
    if shown and "exact" in rows[0]:
        numbers.append(_mean("exact, of those answered", [row["exact"] for row in shown], seed))
    return numbers


def _cost(rows: list[Row]) -> list[Number]:
    ran = [sum(row["stages"].values()) for row in rows if row["n_prompt"]]
    if not ran:
        return []
    return [Number(f"an answer, p{percent}", metrics.percentile(ran, percent), "ms", len(ran)) for percent in (50, 95)]


def _mean(name: str, values: list[float], seed: int) -> Number:
    low, high = metrics.interval(values, seed)
    unit = "%" if name.startswith(("exact", "answered")) else ""
    return Number(name, sum(values) / len(values), unit, len(values), low, high)
