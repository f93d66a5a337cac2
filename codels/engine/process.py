"""Starting the engine's process, and reading what it says until it is gone."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import codels
from codels.engine import wire

log = logging.getLogger(__name__)

GRACE_S = 1.0
"""How long a stopping engine may take before it is killed."""


async def spawn(warm: str = "") -> asyncio.subprocess.Process:
    """Start an engine process, which imports the library of the backend `warm` while its caller goes on."""
    # -P, and our own place at the end: no json.py of the user's may stand in for the standard library's.
    place = str(Path(codels.__file__).parent.parent)
    code = f"import sys; sys.path.append({place!r}); from codels.engine.host import main; main()"
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-c", code, *([warm] if warm else [])),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=wire.MAX_LINE_BYTES,
        # Where ggml gives up, it would let a debugger write hundreds of lines into the user's terminal.
        env={"GGML_NO_BACKTRACE": "1", **os.environ, "PYTHONUTF8": "1"},
        start_new_session=True,  # Ctrl-C in a terminal is for the editor's side, which then ends the engine
    )


async def read(process: asyncio.subprocess.Process, take: Callable[[wire.Message], None]) -> str:
    """Hand on every message until the process dies; returns what it died of."""
    assert process.stdout is not None
    while True:
        try:
            line = await process.stdout.readline()
            if not line:
                break
            message = wire.decode(line)
        except ValueError as error:
            log.warning("the engine sent a message that cannot be read (%s)", type(error).__name__)
            continue
        take(message)
    code = await process.wait()
    return f"signal {-code}" if code < 0 else f"exit code {code}"


async def pause(delay_s: float, cut: asyncio.Event) -> bool:
    """Wait, but no longer than until `cut` is set from now on. Returns whether it was."""
    cut.clear()
    try:
        await asyncio.wait_for(cut.wait(), delay_s)
    except TimeoutError:
        return False
    return True


def is_dead(process: asyncio.subprocess.Process | None) -> bool:
    return process is None or process.returncode is not None


async def end(process: asyncio.subprocess.Process) -> None:
    """End the process, at the latest after `GRACE_S`: the end of its input tells it to."""
    if is_dead(process):
        return
    if process.stdin:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), GRACE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
