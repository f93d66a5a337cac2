"""Runs generated Python code where it can do little harm: in a process of its own with limits, shut in where the
system can do that. `protection` says what is in force here.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import IO

from codels import processes
from codels.checks import jails
from codels.checks.jails import Jail, Limits

POLL_S = 0.02
GRACE_S = 2.0
"""For the jail to end what it holds, before it is killed itself."""

TAIL_CHARS = 2000
PROBE_S = 10.0


class Why(StrEnum):
    """What ended the code."""

    EXIT = "exit"
    TIME = "time"
    MEMORY = "memory"
    PROCESSES = "processes"
    OUTPUT = "output"
    FILE = "file size"
    SIGNAL = "signal"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`exit_code` is 128 + n where signal n ended the code; `stderr` is its last `TAIL_CHARS` characters."""

    exit_code: int
    why_stopped: Why
    stdout: str
    stderr: str

    @property
    def is_ok(self) -> bool:
        return self.why_stopped is Why.EXIT and self.exit_code == 0


DEFAULT_LIMITS = Limits()

_LAST_WORDS = {
    "MemoryError": Why.MEMORY,
    "BlockingIOError: [Errno 11]": Why.PROCESSES,
    "RuntimeError: can't start new thread": Why.PROCESSES,
    "OSError: [Errno 27]": Why.FILE,
    "OSError: [Errno 28]": Why.FILE,
}
"""How Python says, in the last line of a traceback, that a limit was met."""


def run(code: str, stdin: str = "", limits: Limits = DEFAULT_LIMITS) -> Outcome:
    """Run `code` as a program in an empty folder and say how it ended. Nothing of it is left when this returns."""
    return _run(jail(), code, stdin, limits)


def run_to_end(code: str, stdin: str = "", limits: Limits = DEFAULT_LIMITS) -> Outcome:
    """As `run`, but code that exits before its last line has failed, whatever its exit code."""
    seal = secrets.token_hex(16)
    outcome = run(f"{code}\nprint({seal!r}, flush=True)\n", stdin, limits)
    stdout, is_sealed, _ = outcome.stdout.rpartition(f"{seal}\n")
    return replace(outcome, stdout=stdout) if is_sealed else replace(outcome, exit_code=outcome.exit_code or 1)


def protection() -> str:
    """One sentence: what generated code can and cannot do here."""
    return jail().protection


def has_walls() -> bool:
    """Whether generated code is kept from your files and processes, and not only within limits."""
    return jail() is not jails.LIMITS


@cache
def jail() -> Jail:
    """The strongest jail that works here; each is tried once with a program that says a word."""
    for candidate in jails.candidates():
        outcome = _run(candidate, "print('inside')", "", Limits(wall_s=PROBE_S))
        if outcome.is_ok and outcome.stdout == "inside\n":
            return candidate
    return jails.LIMITS


def _run(jail: Jail, code: str, stdin: str, limits: Limits) -> Outcome:
    with (
        tempfile.TemporaryDirectory(prefix="codels-", ignore_cleanup_errors=True) as name,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        folder = jails.furnish(Path(name).resolve(), code)
        given.write(stdin.encode("utf-8", "surrogatepass"))
        given.seek(0)
        command = jail.command(folder, limits)
        process = subprocess.Popen(
            command, stdin=given, stdout=out, stderr=err, env=jails.environment(), cwd=folder / "box", **processes.APART
        )
        try:
            why = _watch(process, limits, (out, err))
        finally:
            _end(process)
        return _outcome(process.returncode, why, _text(out, limits.output_bytes), _text(err, limits.output_bytes))


def _watch(process: subprocess.Popen[bytes], limits: Limits, outputs: tuple[IO[bytes], ...]) -> Why:
    """Wait for the end, or for the first limit that is overstepped."""
    deadline = time.monotonic() + limits.wall_s
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(min(POLL_S, max(0.0, deadline - time.monotonic())))
        if any(os.fstat(output.fileno()).st_size > limits.output_bytes for output in outputs):
            return Why.OUTPUT
        if process.returncode is not None:
            return Why.EXIT
        if time.monotonic() >= deadline:
            return Why.TIME
        family = processes.descendants(process.pid)
        if len(family) > limits.n_processes + jails.N_OWN:
            return Why.PROCESSES
        if (
            sum(processes.resident_bytes(pid) + processes.hidden_bytes(pid) for pid in family)
            > limits.memory_bytes + jails.OWN_BYTES
        ):
            return Why.MEMORY


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the jail, which ends what it holds; then whatever is left of its process group."""
    if process.poll() is None:
        processes.ask_to_end(process)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
    processes.kill_group(process.pid)
    process.wait()


def _outcome(returncode: int, why: Why, stdout: str, stderr: str) -> Outcome:
    code = returncode if returncode >= 0 else 128 - returncode
    if why is Why.EXIT and code:
        last = stderr.rstrip().rpartition("\n")[2]
        told = next((reason for words, reason in _LAST_WORDS.items() if last.startswith(words)), why)
        is_cpu = sys.platform != "win32" and code == 128 + signal.SIGXCPU
        why = Why.TIME if is_cpu else Why.SIGNAL if code > 128 and told is Why.EXIT else told
    return Outcome(code, why, stdout, stderr[-TAIL_CHARS:])


def _text(file: IO[bytes], n_bytes: int) -> str:
    """The first `n_bytes` of the file."""
    file.seek(0)
    return file.read(n_bytes).decode("utf-8", "replace").replace("\r\n", "\n")
