"""The devices that the installed llama.cpp can use, from ggml's registry of backends. Imports the library.

llama-cpp-python binds none of these calls; the shared libraries beside it have them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import llama_cpp as llama
from llama_cpp import _ctypes_extensions, _ggml

from codels.backends import llamalog
from codels.hardware import free_ram
from codels.machine import Device, DeviceKind, Devices

_KINDS = {0: DeviceKind.CPU, 1: DeviceKind.GPU, 2: DeviceKind.IGPU}
"""`ggml_backend_dev_type` of ggml-backend.h; the others only help the CPU, or are made of several."""

_NOT_GPU = frozenset({"CPU", "BLAS", "RPC", "AMX", "ZenDNN"})
"""Registries of ggml that drive no GPU."""

Handle = int


def find() -> Devices:
    """All devices, with the memory that is free now, and why a GPU that is there is not among them."""
    from codels.backends import gpufacts, gpuproblem  # which a load can do without

    devices = found()
    registries = {_name("ggml_backend_reg_name", _call("ggml_backend_reg_get", n)) for n in _registries()}
    n_gpus = len(devices.gpus)
    why = gpuproblem.problem(gpufacts.find(frozenset(registries - _NOT_GPU), n_gpus))
    return Devices(tuple(_with(gpufacts.capability, device) for device in devices.devices), why)


def found() -> Devices:
    """The devices alone, which a load needs: no driver is asked what it is."""
    return Devices(tuple(device for device, _ in _all()))


def handles(gpus: tuple[Device, ...]) -> Any:
    """These GPUs, as `llama_model_params.devices` wants them: a list of pointers with a null at its end. Without any,
    nothing is computed on a GPU; by default the library would use one even for weights on the CPU.
    """
    names = {gpu.name for gpu in gpus}
    chosen = [handle for device, handle in _all() if device.name in names] if names else []
    return (ctypes.c_void_p * (len(chosen) + 1))(*chosen, None)


def _all() -> list[tuple[Device, Handle]]:
    _load_backends()
    every = [_call("ggml_backend_dev_get", n) for n in range(_call("ggml_backend_dev_count", result=ctypes.c_size_t))]
    kinds = [_KINDS.get(_call("ggml_backend_dev_type", handle, result=ctypes.c_int)) for handle in every]
    return [(_device(handle, kind), handle) for handle, kind in zip(every, kinds, strict=True) if kind]


def _device(handle: Handle, kind: DeviceKind) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    _call("ggml_backend_dev_memory", handle, ctypes.byref(free), ctypes.byref(total), result=None)
    memory = free.value, total.value
    if kind is DeviceKind.CPU:  # ggml takes all of it for free
        ram = free_ram()
        memory = ram if ram[1] else memory
    name, description = _name("ggml_backend_dev_name", handle), _name("ggml_backend_dev_description", handle)
    library = _name("ggml_backend_reg_name", _call("ggml_backend_dev_backend_reg", handle))
    return Device(name, kind, description, library, *memory)


def _with(capability: Callable[[int], str], device: Device) -> Device:
    """CUDA devices are named by their number."""
    ordinal = device.name.removeprefix("CUDA")
    if device.library != "CUDA" or not ordinal.isdecimal():
        return device
    return replace(device, capability=capability(int(ordinal)))


def _registries() -> range:
    return range(_call("ggml_backend_reg_count", result=ctypes.c_size_t))


@cache
def _load_backends() -> None:
    """Builds with backends as libraries of their own find them where they lie; others have all of them in already.
    GGML_BACKEND_PATH, as ggml's own programs understand it, names one more.
    """
    llamalog.listen()
    llama.llama_backend_init()
    if not _registries():
        _call("ggml_backend_load_all_from_path", str(_ggml.libggml_base_path).encode(), result=None)
    if path := os.environ.get("GGML_BACKEND_PATH"):
        _call("ggml_backend_load", path.encode())


def _name(function: str, handle: Handle) -> str:
    text: bytes | None = _call(function, handle, result=ctypes.c_char_p)
    return (text or b"").decode("utf-8", "replace")


def _call(function: str, *arguments: Any, result: Any = ctypes.c_void_p) -> Any:
    """Call into the first of ggml's libraries that has it. Whole numbers are pointers or counts, 64 bits wide."""
    call = getattr(_home(function), function)
    call.restype = result
    return call(*(ctypes.c_void_p(a) if isinstance(a, int) else a for a in arguments))


@cache
def _home(function: str) -> Any:
    libraries = (_ggml.libggml, _base(), llama.llama_cpp._lib)
    return next(library for library in libraries if hasattr(library, function))


@cache
def _base() -> Any:
    return _ctypes_extensions.load_shared_library("ggml-base", _ggml.libggml_base_path)
