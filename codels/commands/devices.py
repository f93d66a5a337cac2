"""What `codels doctor` says of the devices, and of how the model is loaded on them."""

from __future__ import annotations

from collections.abc import Iterator

from codels.engine.client import EngineClient
from codels.machine import Device, Devices
from codels.sizes import size_text


async def described(engine: EngineClient) -> str:
    """A line for each device, what keeps a GPU from being used, and the plan of the model that is loaded."""
    found, info = await engine.devices(), engine.status.info
    plan = info.plan if info else ()
    return "\n".join((*lines(found), *(f"  {sentence}" for sentence in plan)))


def lines(found: Devices) -> Iterator[str]:
    for device in found.devices:
        yield f"  device {device.name}: {_words(device)}"
    if found.problem:
        yield f"! {found.problem}"


def _words(device: Device) -> str:
    words = [device.description or device.library]
    if device.capability:
        words.append(f"compute capability {device.capability}")
    if device.total_bytes:
        words.append(f"{size_text(device.free_bytes)} of {size_text(device.total_bytes)} free")
    return ", ".join(words)
