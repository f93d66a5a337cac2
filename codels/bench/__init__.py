"""`codels bench`: what a typist feels, measured through the real server on this machine."""

from __future__ import annotations

import asyncio
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict

from codels import processes
from codels.bench.number import Number
from codels.bench.speed import speed
from codels.bench.typist import Key, files, long_file, type_again
from codels.cancel import CancelToken
from codels.engine.client import EngineClient
from codels.errors import PromptTooLong
from codels.evaluate.metrics import percentile
from codels.generation import Part, Prompt, SamplingParams
from codels.lspclient import LspClient
from codels.runtime import Runtime
from codels.settings import AUTO, Settings

CANCEL_TOKENS = 2000
CANCEL_AFTER_S = 0.03
N_CANCELS = 5


Measure = Callable[[str, int, int], Coroutine[None, None, list[Number]]]


def bench(model: str, only: str, n_keys: int, seed: int, is_json: bool) -> int:
    """Run the measurements, or `only` one of them, and print their numbers."""
    numbers: list[Number] = []
    for name, measure in MEASURES.items():
        if only in ("", name):
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            numbers += asyncio.run(measure(model, n_keys, seed))
    if is_json:
        print(json.dumps([asdict(number) for number in numbers], indent=1))
        return 0
    width = max(len(number.name) for number in numbers)
    for number in numbers:
        bound = f"  ({number.bound})" if number.bound else ""
        print(f"{number.name:<{width}}  {number.value:10.2f} {number.unit:<3} n={number.n}{bound}")
    return 0


async def _start(model: str, options: dict[str, object] | None = None) -> LspClient:
    client = LspClient()
    await client.start()
    await client.initialize({"model": model, **(options or {})} if model else options)
    await client.status("ready", "failed")
    return client


async def _startup(model: str, _n_keys: int, _seed: int) -> list[Number]:
    """From starting the process to the first ghost text, as an editor sees it."""
    initialize, ghost_cpu, ghost_wall = [], [], []
    for _ in range(5):
        client, started = LspClient(), time.perf_counter()
        await client.start()
        await client.initialize({"model": model} if model else None)
        initialize.append(processes.cpu_s(client.process.pid))
        client.open("file:///bench/start.py", "def add(a, b):\n    return a \n")
        while not await client.complete("file:///bench/start.py", 1, 13, is_explicit=True):
            await asyncio.sleep(0.01)
        ghost_wall.append(time.perf_counter() - started)
        server = client.process.pid
        ghost_cpu.append(sum(processes.cpu_s(pid) for pid in (server, *processes.children(server))))
        await client.stop()
    return [
        Number("initialize answered, CPU", statistics.median(initialize), "s", 5, "≤ 0.8"),
        Number("first ghost text, CPU of both processes", statistics.median(ghost_cpu), "s", 5, "≤ 1.6"),
        Number("first ghost text, wall", statistics.median(ghost_wall), "s", 5, "≤ 1.6"),
    ]


async def _typing(model: str, n_keys: int, seed: int) -> list[Number]:
    """Twenty files, `n_keys` keys each; a key comes when the answer to the former one is there."""
    client, rng = await _start(model), random.Random(seed)
    keys: list[Key] = []
    for name, text in files(seed):
        keys += await type_again(client, name, text, n_keys, rng)
    resident = _resident_mb(client.process.pid)
    await client.stop()
    ran = [key for key in keys if key.n_prompt]
    return [
        Number("keys", len(keys), "", len(keys)),
        Number("keys answered without the model", 100 * (1 - len(ran) / len(keys)), "%", len(keys)),
        Number("a key, p50", percentile([key.total_ms for key in keys], 50), "ms", len(keys)),
        Number("a key, p95", percentile([key.total_ms for key in keys], 95), "ms", len(keys)),
        Number("all but the model, p95", percentile([key.overhead_ms for key in keys], 95), "ms", len(keys)),
        Number("tokens reused", _reused(ran), "", len(ran), "≥ 0.9"),
        Number("editor's process, resident", resident, "MB", 1, "≤ 60"),
    ]


async def _sizes(model: str, n_keys: int, seed: int) -> list[Number]:
    """Everything but the model, in files of different sizes."""
    client = await _start(model)
    texts = {
        "5,000 lines": long_file(seed, n_lines=5000),
        "10 KB": long_file(seed, n_chars=10_000),
        "1 MB": long_file(seed, n_chars=1_000_000),
    }
    p95 = {}
    for name, text in texts.items():
        rng, keys = random.Random(seed), []
        for part in range(5):
            keys += await type_again(client, f"{part}-{len(text)}.py", text, n_keys, rng)
        p95[name] = percentile([key.overhead_ms for key in keys], 95)
    resident = _resident_mb(client.process.pid)
    await client.stop()
    n = 5 * n_keys
    return [
        Number("all but the model, p95, 5,000 lines", p95["5,000 lines"], "ms", n, "≤ 3"),
        Number("all but the model, p95, 10 KB", p95["10 KB"], "ms", n),
        Number("all but the model, p95, 1 MB", p95["1 MB"], "ms", n),
        Number("1 MB ÷ 10 KB", p95["1 MB"] / p95["10 KB"], "", n, "≤ 2"),
        Number("editor's process, resident, with these files", resident, "MB", 1, "≤ 60"),
    ]


async def _cancel(model: str, _n_keys: int, seed: int) -> list[Number]:
    """How long after a cancel inside a long prefill the engine is free."""
    runtime = Runtime(lambda _status: None, lambda _notice: None)
    await runtime.start()
    runtime.configure(Settings(model=model or AUTO))
    engine = runtime.engine
    await engine.ready()
    text = long_file(seed, n_lines=1000)
    waits = [wait for turn in range(N_CANCELS) if (wait := await _cancelled_after(engine, f"# {turn}\n{text}"))]
    await runtime.stop()
    if not waits:
        print("  no cancel came in time: this model reads too fast to need one", file=sys.stderr)
        return []
    n_prompt = min(n for n, _ in waits)
    name = f"cancelled in a prefill of {n_prompt} tokens, engine free after (worst)"
    return [Number(name, max(wait for _, wait in waits), "ms", len(waits), "≤ 50")]


async def _cancelled_after(engine: EngineClient, text: str) -> tuple[int, float] | None:
    """The prompt's tokens, and the milliseconds from a cancel inside its prefill to the engine's last word.

    None where the model had read everything before the cancel.
    """
    n_chars = 4 * CANCEL_TOKENS
    while True:
        cancel, moment = CancelToken(), [0.0]
        timer = asyncio.get_running_loop().call_later(CANCEL_AFTER_S, _cancel_now, cancel, moment)
        try:
            prompt = Prompt((Part(text[:n_chars]),))
            stats = [s.stats async for s in engine.generate(prompt, SamplingParams(1), cancel, True)][-1]
        except PromptTooLong as error:
            n_chars = int(n_chars * error.n_limit / error.n_prompt * 0.98)
            continue
        finally:
            timer.cancel()
        assert stats is not None
        if stats.why_stopped != "cancelled":
            return None
        return stats.n_prompt, (time.perf_counter() - moment[0]) * 1000


def _cancel_now(cancel: CancelToken, moment: list[float]) -> None:
    moment[0] = time.perf_counter()
    cancel.cancel()


def _reused(ran: list[Key]) -> float:
    return sum(key.n_reused for key in ran) / max(1, sum(key.n_prompt for key in ran))


def _resident_mb(pid: int) -> float:
    """nan where the system does not say."""
    return processes.resident_bytes(pid) / 1e6 or math.nan


MEASURES: dict[str, Measure] = {
    "startup": _startup,
    "typing": _typing,
    "sizes": _sizes,
    "cancel": _cancel,
    "speed": speed,
}
