"""The machine's cores, memory and battery. `psutil` is imported for the battery, and for memory without /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from codels.machine import Devices, Machine

_CONTAINER = "/sys/fs/cgroup/memory"


def threads() -> int:
    """Of a model on the CPU: one less than there are cores, for the editor, and at least one."""
    return max(1, (os.cpu_count() or 2) - 1)


def measure(n_threads: int = 0, devices: Devices | None = None) -> Machine:
    """The machine as it is now, with a model's `n_threads` (0: the usual number). Never raises."""
    free, total = free_ram()
    return Machine(n_threads or threads(), total, free, _is_on_battery(), devices or Devices())


def free_ram() -> tuple[int, int]:
    """Free and total bytes of the machine's memory, or of the container's where that is less; (0, 0): not known."""
    free, total = _ram()
    limit = _number(f"{_CONTAINER}.max")
    if not limit or 0 < total <= limit:
        return free, total
    # What a container's memory holds of files it gives up when asked.
    stat = _table(f"{_CONTAINER}.stat")
    used = _number(f"{_CONTAINER}.current") - stat.get("inactive_file", 0) - stat.get("active_file", 0)
    return min(free or limit, max(0, limit - used)), limit


def _ram() -> tuple[int, int]:
    if found := _table("/proc/meminfo"):
        return 1024 * found.get("MemAvailable:", found.get("MemFree:", 0)), 1024 * found.get("MemTotal:", 0)
    with suppress(Exception):  # what a system does not say is left out
        import psutil

        memory = psutil.virtual_memory()
        return memory.available, memory.total
    return 0, 0


def _is_on_battery() -> bool:
    with suppress(Exception):  # sensors that answer nonsense
        import psutil

        return getattr(psutil.sensors_battery(), "power_plugged", None) is False  # None: no battery, or it does not say
    return False


def _table(path: str) -> dict[str, int]:
    """Lines of a name and a number."""
    with suppress(OSError, ValueError):
        rows = (line.split() for line in Path(path).read_text("ascii").splitlines())
        return {row[0]: int(row[1]) for row in rows if len(row) > 1}
    return {}


def _number(path: str) -> int:
    with suppress(OSError, ValueError):
        return int(Path(path).read_text("ascii"))
    return 0  # "max" too
