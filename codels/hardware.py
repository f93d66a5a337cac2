"""The machine's cores, memory and battery, from `psutil`, which is imported only when somebody asks."""

from __future__ import annotations

import os
from contextlib import suppress

from codels.machine import Devices, Machine


def threads() -> int:
    """Of a model on the CPU: one less than there are cores, for the editor, and at least one."""
    return max(1, (os.cpu_count() or 2) - 1)


def measure(n_threads: int = 0, devices: Devices | None = None) -> Machine:
    """The machine as it is now, with a model's `n_threads` (0: the usual number). Never raises."""
    total = free = 0
    is_on_battery = False
    with suppress(Exception):  # systems without /proc, sensors that answer nonsense: what is not known is left out
        import psutil

        memory = psutil.virtual_memory()
        total, free = memory.total, memory.available
        is_on_battery = _is_on_battery(psutil.sensors_battery()) if hasattr(psutil, "sensors_battery") else False
    return Machine(n_threads or threads(), total, free, is_on_battery, devices or Devices())


def _is_on_battery(battery: object) -> bool:
    return getattr(battery, "power_plugged", None) is False  # None: no battery, or it does not say
