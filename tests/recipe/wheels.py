"""Wheels that the tests make: just enough of one for pip to hand it over."""

from __future__ import annotations

import hashlib
from pathlib import Path
from zipfile import ZipFile

CODE = "import os\n\n\ndef read{n}(path):\n    with open(path) as file_{n}:\n        return file_{n}.read()\n\n\n"


def code(n: int) -> str:
    """A module worth keeping, and unlike that of another number."""
    return "".join(CODE.format(n=1000 * n + i) for i in range(6))


def write_wheel(folder: Path, name: str, licence: str, files: dict[str, str]) -> str:
    """Version 1.0 of a package; gives its sha256."""
    info = f"{name}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nLicense: {licence}\n"
    with ZipFile(path, "w") as wheel:
        for inner, text in files.items():
            wheel.writestr(inner, text)
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()
