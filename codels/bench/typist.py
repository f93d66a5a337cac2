"""A seeded typist: takes code out of real files and types it again, key by key, through the real server."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import codels
from codels.lspclient import LspClient

MIN_FILE_CHARS = 1500


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `overhead_ms` is everything but the model: from the key to the answer, less prefill and decode."""

    total_ms: float
    overhead_ms: float
    origin: str
    reason: str
    n_prompt: int = 0
    n_reused: int = 0


def files(seed: int, n: int = 20) -> list[tuple[str, str]]:
    """`n` of codels' own source files, with their names: real code that no model here was trained on."""
    root = Path(codels.__file__).parent
    texts = [(str(path.relative_to(root)), path.read_text("utf-8")) for path in sorted(root.rglob("*.py"))]
    return random.Random(seed).sample([item for item in texts if len(item[1]) >= MIN_FILE_CHARS], n)


def long_file(seed: int, n_lines: int = 0, n_chars: int = 0) -> str:
    """Those files one after the other, again and again, until they are that long."""
    text = "".join(source for _, source in files(seed))
    if n_lines:
        lines = text.splitlines(keepends=True)
        return "".join((lines * (n_lines // len(lines) + 1))[:n_lines])
    return (text * (n_chars // len(text) + 1))[:n_chars].rpartition("\n")[0] + "\n"


async def type_again(client: LspClient, name: str, text: str, n_keys: int, rng: random.Random) -> list[Key]:
    """Take some whole lines out of the middle of `text`, and type their first `n_keys` characters."""
    lines = text.splitlines(keepends=True)
    number = _start(lines, rng)
    start = sum(map(len, lines[:number]))
    end = text.find("\n", start + n_keys)
    typed = text[start : start + n_keys]
    uri = f"file:///bench/{name}"
    client.open(uri, text[:start] + text[end:])
    await client.status()  # opening is not the first key's
    keys = [await _press(client, uri, version, *step) for version, step in enumerate(_steps(typed, number), 2)]
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    return keys


def _start(lines: list[str], rng: random.Random) -> int:
    """A line with code, in the middle half of the file."""
    numbers = range(len(lines) // 4, max(len(lines) * 3 // 4, len(lines) // 4 + 1))
    return rng.choice([n for n in numbers if lines[n].strip()] or list(numbers))


def _steps(typed: str, line: int) -> Iterator[tuple[str, int, int]]:
    """Each character with the position where it goes in."""
    column = 0
    for char in typed:
        yield char, line, column
        line, column = (line + 1, 0) if char == "\n" else (line, column + 1)


async def _press(client: LspClient, uri: str, version: int, char: str, line: int, column: int) -> Key:
    here = {"line": line, "character": column}
    after = (line + 1, 0) if char == "\n" else (line, column + 1)
    started = time.perf_counter()
    client.change(uri, version, {"range": {"start": here, "end": here}, "text": char})
    await client.complete(uri, *after)
    total_ms = (time.perf_counter() - started) * 1000
    status: dict[str, Any] = await client.status()
    stats = status["lastStats"] if status["lastOrigin"] not in ("cache", "typed-through") else None
    if not stats:
        return Key(total_ms, total_ms, status["lastOrigin"], status["lastReason"])
    model_ms = stats["prefill_ms"] + stats["decode_ms"]
    return Key(total_ms, total_ms - model_ms, "model", status["lastReason"], stats["n_prompt"], stats["n_reused"])
