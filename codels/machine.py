"""What the machine offers to models, as values. Who finds it out: `backends/` for devices, `hardware` for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DeviceKind(StrEnum):
    """What sort of processor runs a model."""

    CPU = "cpu"
    GPU = "gpu"
    IGPU = "igpu"
    """A GPU that shares the machine's memory."""


@dataclass(frozen=True, slots=True)
class Device:
    """A processor that a backend's library can use. Memory in bytes, 0 where the driver does not say.

    `library` is what drives it: CUDA, Metal, Vulkan … `capability` is CUDA's compute capability such as "9.0".
    """

    name: str
    kind: DeviceKind
    description: str = ""
    library: str = ""
    free_bytes: int = 0
    total_bytes: int = 0
    capability: str = ""


@dataclass(frozen=True, slots=True)
class Devices:
    """What the llama.cpp that is installed can use. `problem`: why a GPU of this machine is not among it, with the
    remedy; empty where there is nothing to say.
    """

    devices: tuple[Device, ...] = ()
    problem: str = ""

    @property
    def gpus(self) -> tuple[Device, ...]:
        return tuple(device for device in self.devices if device.kind is not DeviceKind.CPU)


@dataclass(frozen=True, slots=True)
class Machine:
    """`threads` for a model on the CPU; memory in bytes, 0 where the system does not say."""

    threads: int
    total_bytes: int = 0
    free_bytes: int = 0
    """What new processes can have, what is only cached included."""
    is_on_battery: bool = False
    devices: Devices = Devices()
