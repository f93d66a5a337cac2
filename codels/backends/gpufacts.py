"""Looks for the GPUs of this machine and their drivers, without any library of ours: a thin layer, told by `Facts`.

Each look is cheap and may fail; what cannot be found out is left at its default.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from codels.backends.gpuproblem import Facts
from codels.backends.wheels import Version

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76
"""`CUdevice_attribute` of cuda.h."""

_AMD_VENDOR = "0x1002"


def find(libraries: frozenset[str], n_gpus: int) -> Facts:
    """What this machine has, beside what the installed llama.cpp was built for."""
    facts = Facts(libraries, n_gpus, has_amd=_has_amd(), is_apple_silicon=_is_apple_silicon())
    facts = replace(facts, has_nvidia=Path("/proc/driver/nvidia").exists() or any(_nodes()))
    facts = replace(facts, can_open_nodes=all(os.access(node, os.R_OK | os.W_OK) for node in _nodes()))
    with suppress(AttributeError):  # a libcuda that lacks what every one has
        return _asked(facts)
    return facts


def _asked(facts: Facts) -> Facts:
    """What CUDA's driver says itself."""
    cuda = _cuda()
    if not cuda:
        return facts
    code = cuda.cuInit(0)
    facts = replace(facts, cuda_code=code, cuda_driver=_version(cuda, "cuDriverGetVersion"))
    n_devices = ctypes.c_int()
    if code == 0 and cuda.cuDeviceGetCount(ctypes.byref(n_devices)) == 0:
        facts = replace(facts, has_nvidia=n_devices.value > 0, capability=_capability(cuda, 0))
    return replace(facts, cuda_runtime=_runtime())


def capability(ordinal: int) -> str:
    """The compute capability of a CUDA device, such as "9.0"; empty where it is not known."""
    cuda = _cuda()
    major, minor = _capability(cuda, ordinal) if cuda and cuda.cuInit(0) == 0 else (0, 0)
    return f"{major}.{minor}" if major else ""


def _nodes() -> Iterator[Path]:
    """The device files of NVIDIA's GPUs."""
    with suppress(OSError):
        yield from Path("/dev").glob("nvidia[0-9]*")


def _has_amd() -> bool:
    with suppress(OSError):
        vendors = Path("/sys/class/drm").glob("card*/device/vendor")
        return any(path.read_text("ascii").strip() == _AMD_VENDOR for path in vendors)
    return False


def _is_apple_silicon() -> bool:
    """Also under Rosetta, where Python believes that it runs on Intel."""
    return sys.platform == "darwin" and ("arm" in platform.machine() or "Apple" in platform.processor())


def _cuda() -> ctypes.CDLL | None:
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    with suppress(OSError):
        return ctypes.CDLL(name)
    return None


def _capability(cuda: ctypes.CDLL, ordinal: int) -> Version:
    major, minor = ctypes.c_int(), ctypes.c_int()
    for value, attribute in ((major, _CAPABILITY_MAJOR), (minor, _CAPABILITY_MINOR)):
        if cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, ordinal) != 0:
            return (0, 0)
    return major.value, minor.value


def _runtime() -> Version:
    """Of the CUDA runtime that llama.cpp has brought into this process."""
    with suppress(OSError, AttributeError):
        maps = Path("/proc/self/maps").read_text("utf-8", "replace")
        if found := re.search(r"/\S*libcudart\.so\S*", maps):
            return _version(ctypes.CDLL(found[0]), "cudaRuntimeGetVersion")
    return (0, 0)


def _version(library: ctypes.CDLL, function: str) -> Version:
    """CUDA writes 12.4 as 12040."""
    number = ctypes.c_int()
    if getattr(library, function)(ctypes.byref(number)) != 0:
        return (0, 0)
    return number.value // 1000, number.value % 1000 // 10
