"""How fast a model reads and writes on this machine, and what a key costs: through the engine, without an editor."""

from __future__ import annotations

import statistics
import sys
import time

from codels.bench.number import Number
from codels.bench.typist import long_file
from codels.cancel import CancelToken
from codels.dispatch.loading import load_spec
from codels.engine.client import EngineClient
from codels.errors import PromptTooLong
from codels.evaluate.metrics import percentile
from codels.generation import Part, Prompt, SamplingParams, Stats
from codels.registry import store
from codels.settings import Settings

PROMPT_CHARS = (2_400, 10_000, 45_000)
"""Some 850, 3,500 and 16,000 tokens; those that the context window holds are measured."""

N_WRITTEN = 64
N_KEYS = 30
KEY_TOKENS = 12
"""What a line takes."""

MAX_MS = 120_000


async def speed(model: str, _n_keys: int, seed: int) -> list[Number]:
    engine = EngineClient()
    await engine.start()
    engine.load(load_spec(store.find(model or store.BUILT_IN), Settings()))
    started = time.perf_counter()
    info = await engine.ready()
    numbers = [Number("loaded after", time.perf_counter() - started, "s", 1)]
    for sentence in info.plan:
        print(f"  {sentence}", file=sys.stderr)
    text = long_file(seed, n_chars=4 * max(PROMPT_CHARS))
    for turn, n_chars in enumerate(PROMPT_CHARS):
        try:
            numbers += await _measured(engine, f"# {turn}\n{text[:n_chars]}", text[n_chars:])
        except PromptTooLong as error:
            print(f"  {n_chars} characters: {error}", file=sys.stderr)
    await engine.stop()
    return numbers


async def _measured(engine: EngineClient, text: str, rest: str) -> list[Number]:
    """Read it, write behind it, then type what comes next, and from time to time in another file."""
    read = await _ask(engine, text, 1)
    written = await _ask(engine, text, N_WRITTEN)
    keys, switched = list[float](), list[float]()
    for n in range(N_KEYS):
        started = time.perf_counter()
        await _ask(engine, text + rest[: n + 1], KEY_TOKENS)
        (keys if n % 10 else switched).append((time.perf_counter() - started) * 1000)
        if n % 10 == 9:
            await _ask(engine, rest[: 1000 + n], KEY_TOKENS)
    name, n_read = f"{read.n_prompt:,} tokens", read.n_prompt - read.n_reused
    return [
        Number(f"{name}: read", 1000 * n_read / max(read.prefill_ms, 0.001), "tokens/s", 1),
        Number(f"{name}: to the first token", read.prefill_ms, "ms", 1),
        Number(f"{name}: written", 1000 * written.n_decoded / max(written.decode_ms, 0.001), "tokens/s", 1),
        Number(f"{name}: a key with {KEY_TOKENS} tokens written, p50", statistics.median(keys), "ms", len(keys)),
        Number(f"{name}: a key with {KEY_TOKENS} tokens written, p95", percentile(keys, 95), "ms", len(keys)),
        Number(f"{name}: the first key back from another file", statistics.median(switched[1:]), "ms", 2),
    ]


async def _ask(engine: EngineClient, text: str, n: int) -> Stats:
    prompt, params = Prompt((Part(text),)), SamplingParams(n, max_ms=MAX_MS)
    return [step.stats async for step in engine.generate(prompt, params, CancelToken(), True)][-1]
