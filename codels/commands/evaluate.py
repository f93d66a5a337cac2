"""`codels evaluate`: load a set, run a model over it, print the numbers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from codels import __version__, processes
from codels.checks import sandbox
from codels.commands.run import with_runtime
from codels.dispatch.selection import find
from codels.errors import UserError
from codels.evaluate import sets, sources
from codels.evaluate.journal import Journal
from codels.evaluate.progress import Progress
from codels.evaluate.sets import EvalSet
from codels.evaluate.sources import WITHOUT_MODEL, Source
from codels.evaluate.task import Broken, Number, Row, Task
from codels.registry import store
from codels.runtime import Runtime
from codels.settings import Settings

N_SHOWN = 5
"""Of broken rows and of reasons for no answer; all are counted."""

ENGINE = "codels: engine"
"""The id of a journal's row about the engine's process, which is no task's."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. `n` 0 is the set's own number."""

    model: str
    set: str
    data: str
    n: int = 0
    seed: int = 0
    out: str = ""
    is_json: bool = False
    is_typed: bool = False
    is_unwalled: bool = False


def evaluate(options: Options) -> int:
    """Run the set, or what an earlier run left of it, and print its numbers; 130 where it was interrupted."""
    chosen = sets.find(options.set)
    header = _header(options)
    tasks, broken = chosen.load(_data(options), options.n or chosen.n, options.seed)
    _tell(broken, tasks, options)
    if chosen.is_code_run:
        _guard(options)
    with Journal(Path(options.out) if options.out else None, header) as journal:
        try:
            _run(options, chosen, tasks, journal)
        except KeyboardInterrupt:
            n_done = sum(task.id in journal.rows for task in tasks)
            remedy = "the same command goes on from there" if options.out else "with --out FILE it could go on"
            print(f"codels: stopped after {n_done} of {len(tasks)}: {remedy}", file=sys.stderr)
            return 130
    rows = [journal.rows[task.id] for task in tasks]
    numbers = [*chosen.summarize(rows, options.seed), *_of_engine(journal)]
    reasons = Counter(row["reason"] for row in rows if row.get("reason"))
    print(_as_json(header, numbers, reasons, broken) if options.is_json else _as_table(header, numbers, reasons))
    return 0


def _guard(options: Options) -> None:
    """Say what protects this machine from the code that is run. Raises `UserError` where nothing does."""
    if not sandbox.has_walls() and not options.is_unwalled:
        raise UserError(f"{sandbox.protection()}. With --without-walls it runs all the same")
    print(f"codels: {sandbox.protection()}", file=sys.stderr)


def _of_engine(journal: Journal) -> list[Number]:
    if ENGINE not in journal.rows:
        return []
    return [Number("engine, resident memory", journal.rows[ENGINE]["resident_mb"], "MB", 1)]


def _run(options: Options, chosen: EvalSet, tasks: list[Task], journal: Journal) -> None:
    """Every task that has no row yet gets one."""
    left = [task for task in tasks if task.id not in journal.rows]
    if not left:
        return

    async def run(source: Source) -> None:
        progress = Progress(options.set, len(tasks), len(tasks) - len(left))
        try:
            for task in left:
                journal.add(await (chosen.run_typed if options.is_typed else chosen.run)(task, source(task)))
                progress.step()
        finally:
            progress.end()

    if options.model in WITHOUT_MODEL:
        asyncio.run(run(sources.without_model(options.model, chosen.baselines)))
        return
    settings = replace(Settings(), model=options.model, candidates=1, max_ms=0, multiline=chosen.multiline)

    async def use(runtime: Runtime) -> None:
        await run(sources.by_model(runtime))
        if resident := processes.resident_bytes(runtime.engine.pid or 0):
            journal.add({"id": ENGINE, "resident_mb": resident / 1e6})

    with_runtime(settings, use)


def _header(options: Options) -> Row:
    """What a run is, so that no other one is taken for it."""
    header: Row = {"set": options.set, "model": options.model, "seed": options.seed, "typed": options.is_typed}
    if options.model not in WITHOUT_MODEL:
        card = find(options.model)
        decoding = repr((__version__, card.beams, card.copy_weights, card.gate if options.is_typed else None))
        header["weights"] = card.remote.url if card.remote else sources.fingerprint(store.locate(card))
        header["decoding"] = hashlib.sha256(decoding.encode()).hexdigest()[:16]
    data = _data(options)
    files = [data] if data.is_file() else data.rglob("*.py")
    return {**header, "data": data.name, "data_bytes": sum(file.stat().st_size for file in files if file.is_file())}


def _data(options: Options) -> Path:
    data = Path(options.data).expanduser()
    if not options.data or not data.exists():
        said = f"{options.data!r} does not exist" if options.data else "no data is named"
        raise UserError(f"{said}: --data takes a folder of Python files, a corpus (JSON lines), or a benchmark's file")
    return data


def _tell(broken: list[Broken], tasks: list[Task], options: Options) -> None:
    for item in broken[:N_SHOWN]:
        print(f"codels: {options.data}: {item.where} is left out: {item.reason:.200}", file=sys.stderr)
    if len(broken) > N_SHOWN:
        print(f"codels: {options.data}: {len(broken)} are left out in all", file=sys.stderr)
    if not tasks:
        raise UserError(f"{options.data!r} has no place for a hole of {options.set}: name larger files with --data")
    if options.n > len(tasks):
        print(f"codels: {options.data} has {len(tasks)} tasks of {options.set}, not {options.n}", file=sys.stderr)


def _as_json(header: Row, numbers: list[Number], reasons: Counter[str], broken: list[Broken]) -> str:
    measured, left_out = [asdict(number) for number in numbers], [asdict(item) for item in broken]
    return json.dumps({**header, "numbers": measured, "no_answer": reasons, "broken": left_out}, indent=1)


def _as_table(header: Row, numbers: list[Number], reasons: Counter[str]) -> str:
    width = max(len(number.name) for number in numbers)
    lines = [f"{header['model']} on {header['set']} of {header['data']}, seed {header['seed']}"]
    for number in numbers:
        interval = "" if number.low is None else f"  [{number.low:.2f}, {number.high:.2f}]"
        lines.append(f"{number.name:<{width}}  {number.value:9.2f} {number.unit:<3} n={number.n}{interval}")
    lines += [f"no answer, {n} times: {reason}" for reason, n in reasons.most_common(N_SHOWN)]
    return "\n".join(lines)
