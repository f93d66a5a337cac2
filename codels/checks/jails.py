"""The ways to shut code in, strongest first, as command lines; and what the systems need to watch and end it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIB = 1 << 20
JAIL = Path(__file__).with_name("jail.py")

N_OWN = 3
"""Processes of a jail beside the code's."""

N_FILES = 64
"""Open files of a process: each can hold memory that counts as nobody's until it is found."""

N_SLACK = 2 * N_OWN
"""Above the limit, a user's own limit says no: far enough for the watch to see and name what oversteps."""

OWN_BYTES = 64 * MIB
"""What those take."""

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/nix/store", "/gnu/store")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
"""What a Python needs to start, beside itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`cpu_s` and `memory_bytes` (address space) hold for each process; memory in use also for all together.

    `file_bytes` is the size of one file, and of all together where the folder lies in memory.
    `output_bytes` holds for each of standard output and standard error.
    """

    wall_s: float = 3.0
    cpu_s: int = 3
    memory_bytes: int = 1024 * MIB
    n_processes: int = 16
    file_bytes: int = 32 * MIB
    output_bytes: int = MIB

    def __post_init__(self) -> None:
        if self.wall_s <= 0 or min(self.cpu_s, self.memory_bytes, self.n_processes, self.file_bytes) < 1:
            raise ValueError(f"limits must be positive: {self}")


@dataclass(frozen=True, slots=True)
class Jail:
    """A way to run a program: `command` says how, for a furnished folder and limits."""

    name: str
    protection: str
    command: Callable[[Path, Limits], list[str]]


def furnish(folder: Path, code: str) -> Path:
    """The program as `main.py`, an empty `box` to work in, and a place for a new root."""
    (folder / "main.py").write_text(code, "utf-8", "surrogatepass", newline="")
    (folder / "box").mkdir()
    (folder / "root").mkdir()
    return folder


def candidates() -> list[Jail]:
    """Those that this system may have; whether they work must be tried."""
    if sys.platform != "linux":
        return []
    return [BUBBLEWRAP, NAMESPACES] if shutil.which("bwrap") else [NAMESPACES]


def _bubblewrap(folder: Path, limits: Limits) -> list[str]:
    command = [
        shutil.which("bwrap") or "bwrap",
        "--unshare-all",
        "--cap-drop",
        "ALL",
        "--die-with-parent",
        "--new-session",
    ]
    for source, target in [*_shown(), (str(JAIL), "/jail.py"), (str(folder / "main.py"), "/main.py")]:
        command += ["--ro-bind", source, target]
    for target, link in _links():
        command += ["--symlink", link, target]
    command += [
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--remount-ro",
        "/proc",
        "--size",
        str(limits.file_bytes),
        "--tmpfs",
        "/box",
    ]
    command += ["--remount-ro", "/", "--chdir", "/box"]
    plan = _plan("inside", limits, "/main.py", "/box", n_processes=limits.n_processes + N_SLACK)
    return [*command, "--", sys.executable, "-I", "-S", "/jail.py", json.dumps(plan)]


def _namespaces(folder: Path, limits: Limits) -> list[str]:
    binds = [*_shown(), *((device, device) for device in DEVICES), (str(folder / "main.py"), "/main.py")]
    plan = _plan("namespaces", limits, "/main.py", "/box", n_processes=limits.n_processes + N_SLACK)
    plan |= {"root": str(folder / "root"), "binds": binds, "links": _links()}
    return [sys.executable, "-I", "-S", str(JAIL), json.dumps(plan)]


def _limits_only(folder: Path, limits: Limits) -> list[str]:
    program, box = str(folder / "main.py"), str(folder / "box")
    if sys.platform == "win32":
        return [sys.executable, "-I", "-B", program]
    # a user's limit counts all that the user runs: where the jail cannot count its own, there is to be no other
    n_processes = None if sys.platform == "linux" else 0
    plan = _plan("limits", limits, program, box, n_processes)
    return [sys.executable, "-I", "-S", str(JAIL), json.dumps(plan)]


def _plan(mode: str, limits: Limits, program: str, box: str, n_processes: int | None) -> dict[str, Any]:
    return {
        "mode": mode,
        "command": [sys.executable, "-I", "-B", program],
        "box": box,
        "cpu_s": limits.cpu_s,
        "memory_bytes": limits.memory_bytes,
        "file_bytes": limits.file_bytes,
        "n_files": N_FILES,
        "n_processes": n_processes,
    }


def _shown() -> list[tuple[str, str]]:
    """The folders that code may read, each with where it finds them: the system's programs and this Python."""
    home = Path(sys.executable).resolve().parent.parent
    wanted = [*SYSTEM, sys.prefix, sys.base_prefix, sys.base_exec_prefix, str(home)]
    kept: list[str] = []
    for path in wanted:
        is_inside = any(Path(path).is_relative_to(other) for other in kept)
        if Path(path).exists() and not is_inside and not (path in SYSTEM and Path(path).is_symlink()):
            kept.append(path)
    return [(path, path) for path in kept]


def _links() -> list[tuple[str, str]]:
    """As `/bin` → `usr/bin`."""
    return [(path, str(Path(path).readlink())) for path in SYSTEM if Path(path).is_symlink()]


BUBBLEWRAP = Jail(
    "bubblewrap",
    "generated code runs in bubblewrap with limits: no network, no writes outside its folder, no sight of your files",
    _bubblewrap,
)
NAMESPACES = Jail(
    "namespaces",
    "generated code runs in namespaces of its own with limits: no network, no writes outside its folder, "
    "no sight of your files",
    _namespaces,
)
_WEAK = {
    "linux": "with limits of time, memory, processes and output only: it can reach the network, your files and your "
    "other processes; install bubblewrap, or allow user namespaces",
    "win32": "with limits of time and output only: it can reach the network, your files and your other processes",
}
LIMITS = Jail(
    "limits",
    "generated code runs "
    + _WEAK.get(
        sys.platform,
        "with limits of time, processes and output only: it can reach the network, your files and your other processes",
    ),
    _limits_only,
)


def environment() -> dict[str, str]:
    """Nothing, but for what Windows cannot start a program without."""
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if sys.platform == "win32" and name in os.environ}
