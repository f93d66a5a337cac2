"""`codels doctor`: what is installed, which model, does it load, does it complete, how fast."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace

from codels import __version__, backends
from codels.cancel import CancelToken
from codels.checks import sandbox
from codels.commands import devices
from codels.commands.run import with_runtime
from codels.core import Role, Site, Snapshot
from codels.dispatch.selection import find
from codels.dispatch.ways import Choice
from codels.errors import CodelsError, ModelError
from codels.probe import words
from codels.registry import store
from codels.registry.card import ModelCard
from codels.runtime import Runtime
from codels.settings import AUTO, Settings

_PACKAGES = ("llama-cpp-python", "pygls", "lsprotocol", "numpy", "platformdirs", "psutil", "huggingface_hub")

_PROBE = ("def area(width, height):\n", "    return width *\n")
"""Python, for every model that knows it; the caret stands at the end."""


def doctor(model: str) -> int:
    """Print one line for each thing that matters; 1 where something does not work."""
    settings = replace(Settings(), model=model or AUTO, max_ms=60_000)
    installed = list(_installed())
    print("\n".join(installed))
    try:
        if model:
            _print(_described(find(model)))
        is_good = with_runtime(settings, _examine(time.monotonic(), is_described=bool(model)))
    except CodelsError as error:
        print(f"✗ {error}")
        return 1
    if not is_good or any(line.startswith("✗") for line in installed):
        return 1
    print("✓ all works")
    return 0


def _installed() -> Iterator[str]:
    yield f"  codels {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}, " + (
        f"{os.cpu_count()} cores"
    )
    yield f"  {sys.executable}"
    for package in _PACKAGES:
        try:
            yield f"✓ {package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"✗ {package} is not installed: pip install {package}"
    if lacking := backends.lacking("transformers"):
        yield f"  folders of safetensors cannot be run: {lacking}"
    yield f"  {sandbox.protection()}"
    yield f"  models of your own can be put into {store.models_folder()}, their cards into {store.cards_folder()}"
    for problem in store.user_cards()[1]:
        yield f"✗ {problem}"


def _described(card: ModelCard) -> Iterator[str]:
    languages = ", ".join(sorted(card.languages)) or "any language"
    if card.remote:
        yield f"✓ model {card.id}: {languages}; served at {card.remote.url} ({card.remote.kind}); no file here"
        return
    path = store.locate(card)
    size_mb = path.stat().st_size / 1e6
    yield f"✓ model {card.id}: {languages}; {size_mb:.1f} MB; licence {card.license or 'unknown'}; {path}"
    if all(file.sha256 for file in store.files(card).values()):
        if not store.verify(card):
            raise ModelError(f"{path} is not the file that its card describes (sha256 differs): {store.remedy(card)}")
        yield "✓ its sha256 is the card's"


def _examine(started: float, is_described: bool) -> Callable[[Runtime], Awaitable[bool]]:
    """Says what the runtime has chosen and why, and lets it complete. `started`: before it was, by the monotonic clock.

    False where the model does less than it seems to.
    """

    async def examine(runtime: Runtime) -> bool:
        load_s = time.monotonic() - started
        await runtime.settled()
        assert runtime.card is not None
        if not is_described:
            _print(_described(runtime.card))
        _print(_chosen(runtime.choices))
        return await _probe(runtime, load_s)

    return examine


def _chosen(choices: Mapping[Role, Choice]) -> Iterator[str]:
    """A line for each role, and one for each model that was not taken."""
    for choice in choices.values():
        yield f"  {choice.sentence}"
        yield from (f"      not {name}: {why}" for name, why in choice.rejected.items())


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        print(line)


async def _probe(runtime: Runtime, load_s: float) -> bool:
    assert runtime.model is not None
    last = _PROBE[-1].rstrip("\n")
    site = Site(Snapshot("file:///probe.py", "python", 0, _PROBE), len(_PROBE) - 1, len(last))
    answer = await runtime.complete(site, is_explicit=True, cancel=CancelToken())
    stats = answer.stats
    if stats is None or not (stats.n_prompt or stats.n_decoded):
        raise ModelError(f"the model loaded but gave no answer: {answer.reason}")
    said = answer.completions[0].text.strip() if answer.completions else f"nothing ({answer.reason})"
    prefill = 1000 * (stats.n_prompt - stats.n_reused) / max(stats.prefill_ms, 0.001)
    reads = f"reads {prefill:.0f} tokens a second, " if stats.n_prompt else ""  # servers may not say
    decode = 1000 * stats.n_decoded / max(stats.decode_ms, 0.001)
    model = runtime.model
    print(
        f"✓ loaded in {load_s:.1f} s: family {model.family.name}, order {model.order}, "
        f"context window {model.context_window} tokens\n{await devices.described(runtime.engine)}"
    )
    note = "" if runtime.verdict or runtime.card is None or model.family.markers else runtime.card.note
    for line in words.lines(runtime.verdict) if runtime.verdict else ():
        print(line)
    if note:
        print(f"✗ does not fill in the middle: {note}")
    print(
        f"✓ completes: `{last.strip()}` is followed by `{said}`\n"
        f"  {reads}writes {decode:.0f}{'' if reads else ' tokens a second'}"
    )
    return not note and (runtime.verdict is None or runtime.verdict.can_fill)
