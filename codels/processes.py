"""Processes and their descendants: counted, weighed, timed and ended, as far as the system can."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

APART: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if sys.platform == "win32"
    else {"start_new_session": True}
)
"""How a process is started so that its group can be ended without ours."""


def descendants(pid: int) -> list[int]:
    """The process, its children and theirs; on other systems than Linux the process alone."""
    found = [pid]
    for parent in found:
        found += children(parent)
    return found


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def resident_bytes(pid: int) -> int:
    """Memory in use; 0 where the process has ended or the system does not say."""
    if sys.platform == "win32":
        return 0
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def hidden_bytes(pid: int) -> int:
    """Memory that it holds as open files of none: Linux counts them as resident in no process."""
    total = 0
    with suppress(OSError):  # it has ended
        for name in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                if os.readlink(name).startswith("/memfd:"):  # noqa: PTH115 - its target is no path
                    total += name.stat().st_blocks * 512
    return total


def cpu_s(pid: int) -> float:
    """User and system time of all its threads, in seconds; nan where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return math.nan
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """The process ends what it started; Windows does that for it. A fork bomb leaves it no time: help it on Linux."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
        return
    for pid in descendants(process.pid)[1:]:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    process.terminate()


def kill_group(pid: int) -> None:
    """Whatever is left of the group that process `pid` led."""
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
