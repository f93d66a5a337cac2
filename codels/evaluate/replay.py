"""Types held-out lines key by key, with the gate and the cache that a user has, and counts what suggestions saved.

The simulated user sees the first line of a suggestion. They accept it when it is the rest of the line, or a start of
the rest that ends with a word; otherwise they type the next character, and Enter at the end. A suggestion that does
not fit that key was in the way: it counts as rejected, once, however many keys long it stood there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

from codels.core import Answer, Site
from codels.evaluate import metrics
from codels.evaluate.task import Ask, Number, Row, Task

ENTER = "\n"


@dataclass(slots=True)
class Tally:
    """What typing one line has cost and saved so far."""

    n_keys: int = 0
    n_shown: int = 0
    n_accepted: int = 0
    n_rejected: int = 0
    n_saved_chars: int = 0
    n_prompt: int = 0
    n_reused: int = 0
    n_decoded: int = 0
    model_ms: list[float] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def note(self, answer: Answer, shown: str) -> None:
        self.n_keys += 1
        self.n_shown += bool(shown)
        if answer.stats is not None:
            self.model_ms.append(round(sum(answer.stages.values()), 3))
            self.n_prompt += answer.stats.n_prompt
            self.n_reused += answer.stats.n_reused
            self.n_decoded += answer.stats.n_decoded

    def accept(self, shown: str) -> None:
        self.n_accepted += 1
        self.n_saved_chars += len(shown)
        self.events.append(f"+{shown}")

    def reject(self, shown: str) -> None:
        self.n_rejected += 1
        self.events.append(f"-{shown}")


async def run(task: Task, ask: Ask) -> Row:
    """Type `task.gold` into its hole, from behind the indentation on, and Enter; the first request precedes all."""
    tally, gold, n_typed = Tally(), metrics.first_line(task.gold), 0
    while n_typed <= len(gold):
        answer = await ask(typed(task.site, gold[:n_typed]), False)
        shown = answer.completions[0].text.replace("\r\n", "\n") if answer.completions else ""
        tally.note(answer, shown)
        rest = gold[n_typed:]
        if is_accepted(first := metrics.first_line(shown), rest):
            tally.accept(first)
            n_typed += len(first)
            continue
        if shown and not shown.startswith(rest[:1] or ENTER):
            tally.reject(first)
        n_typed += 1
    return _row(task, gold, tally)


def typed(site: Site, text: str) -> Site:
    """The site after `text` was typed there."""
    lines = site.snapshot.lines
    line = site.before + text + lines[site.line][site.column :]
    snapshot = replace(
        site.snapshot,
        version=site.snapshot.version + len(text),
        lines=(*lines[: site.line], line, *lines[site.line + 1 :]),
    )
    return Site(snapshot, site.line, site.column + len(text))


def is_accepted(shown: str, rest: str) -> bool:
    """Whether a user who wants to write `rest` takes the suggestion: it is a start of that, and cuts no word."""
    if not shown.strip() or not rest.startswith(shown):
        return False
    return not (_is_word(shown[-1]) and _is_word(rest[len(shown) : len(shown) + 1]))


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _row(task: Task, gold: str, tally: Tally) -> Row:
    return {"id": task.id, "gold": gold, "n_chars": len(gold), **asdict(tally)}


def summarize(rows: list[Row], seed: int) -> list[Number]:
    """What a user cares for, then what it rests on. Intervals are of lines drawn again."""
    return [
        _ratio("characters from accepted suggestions", rows, "n_saved_chars", "n_chars", seed, 100, "%"),
        _ratio("rejected suggestions per line", rows, "n_rejected", "", seed),
        _ratio("accepted suggestions per line", rows, "n_accepted", "", seed),
        _ratio("shown per key", rows, "n_shown", "n_keys", seed, 100, "%"),
        *latency(rows),
    ]


def latency(rows: list[Row], _seed: int = 0) -> list[Number]:
    """Of the keys that ran the model: from the request to the answer, in this process."""
    ran = [ms for row in rows for ms in row["model_ms"]]
    n_keys = sum(row["n_keys"] for row in rows)
    numbers = [Number("keys that ran the model", 100 * len(ran) / n_keys, "%", n_keys)]
    if not ran:
        return numbers
    for percent in (50, 95):
        numbers.append(Number(f"a key that ran it, p{percent}", metrics.percentile(ran, percent), "ms", len(ran)))
    n_prompt, n_reused, n_decoded = (sum(row[name] for row in rows) for name in ("n_prompt", "n_reused", "n_decoded"))
    numbers.append(Number("tokens of its prompt", n_prompt / len(ran), "", len(ran)))
    numbers.append(Number("of these, kept from the last one", 100 * n_reused / max(1, n_prompt), "%", len(ran)))
    numbers.append(Number("tokens of its answer", n_decoded / len(ran), "", len(ran)))
    return numbers


def _ratio(name: str, rows: list[Row], part: str, whole: str, seed: int, scale: float = 1, unit: str = "") -> Number:
    """The sum of one column over that of another, or over the lines."""
    parts = [scale * row[part] for row in rows]
    wholes = [float(row[whole]) if whole else 1.0 for row in rows]
    return Number(name, sum(parts) / sum(wholes), unit, len(rows), *metrics.ratio_interval(parts, wholes, seed))
