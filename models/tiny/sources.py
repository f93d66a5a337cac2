"""The Python files of a wheel and of the running Python's standard library. Nothing is unpacked, nothing is run."""

from __future__ import annotations

import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MAX_FILE_BYTES = 1_000_000
"""No file is read beyond this, whatever an archive says of its size."""

MAX_FILES = 50_000
STDLIB_SKIPPED = {"__pycache__", "ensurepip", "site-packages", "dist-packages"}


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a package: its path there, with `/`, and at most `MAX_FILE_BYTES` + 1 bytes of it."""

    path: str
    content: bytes


def of_wheel(path: Path) -> Iterator[Source]:
    """In the order of their names. A name that leads out of the archive is not of a package, and left out."""
    with zipfile.ZipFile(path) as archive:
        infos = sorted(archive.infolist(), key=lambda info: info.filename)
        for info in [info for info in infos if info.filename.endswith(".py")][:MAX_FILES]:
            if not info.is_dir() and is_inside(info.filename):
                with archive.open(info) as file:
                    yield Source(info.filename, file.read(MAX_FILE_BYTES + 1))


def of_stdlib() -> Iterator[Source]:
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        inner = path.relative_to(root)
        if not STDLIB_SKIPPED.intersection(inner.parts) and path.is_file():
            with path.open("rb") as file:
                yield Source(inner.as_posix(), file.read(MAX_FILE_BYTES + 1))


def stdlib_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def is_inside(name: str) -> bool:
    """Whether a name in an archive stays in the folder that it would be unpacked in."""
    path = PurePosixPath(name.replace("\\", "/"))
    return not path.is_absolute() and ".." not in path.parts and ":" not in name and "\0" not in name


def plain(text: str) -> str:
    """As the editor sends it: `\\n` line ends, no byte order mark."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
