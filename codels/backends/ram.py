"""How much of the machine's memory is free."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_CONTAINER = "/sys/fs/cgroup/memory"


def free_ram() -> tuple[int, int]:
    """Free and total bytes of the machine's memory, or of the container's where that is less; (0, 0): not known."""
    free, total = _machine()
    limit = _number(f"{_CONTAINER}.max")
    if not limit or 0 < total <= limit:
        return free, total
    # What a container's memory holds of files it gives up when asked.
    stat = _table(f"{_CONTAINER}.stat")
    used = _number(f"{_CONTAINER}.current") - stat.get("inactive_file", 0) - stat.get("active_file", 0)
    return min(free or limit, max(0, limit - used)), limit


def _machine() -> tuple[int, int]:
    if found := _table("/proc/meminfo"):
        return 1024 * found.get("MemAvailable:", found.get("MemFree:", 0)), 1024 * found.get("MemTotal:", 0)
    with suppress(ValueError, OSError, AttributeError):
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return total // 2, total  # what is free is not said; half of it is what others leave at most times
    return 0, 0


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
