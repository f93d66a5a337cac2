"""One package of a corpus after cleaning, and its files on the disk, so that a later run need not fetch it again."""

from __future__ import annotations

import json
import lzma
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from registry import Pin

PRESET = 1
"""Of xz: the files are read soon."""

COLUMNS = ("name", "version", "licence", "split_or_reason", "files", "bytes", "sha256")

File = tuple[str, str]
"""Path in the package, and text."""


@dataclass(slots=True)
class Package:
    """`reason` says why nothing of it is used; `dropped` counts files by reason; `n_files`, `n_bytes` are kept."""

    pin: Pin
    licence: str = ""
    reason: str = ""
    n_files: int = 0
    n_bytes: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def row(self) -> str:
        """Its line of the manifest; no field holds a tab or a line end."""
        pin = self.pin
        values = (pin.name, pin.version, self.licence, self.reason or pin.split, self.n_files, self.n_bytes, pin.sha256)
        return "\t".join(" ".join(str(value).split()) for value in values)


def store(package: Package, files: list[File], folder: Path) -> None:
    """Texts first, the note that they are whole last."""
    with lzma.open(_texts(package.pin, folder), "wt", encoding="utf-8", preset=PRESET) as shard:
        shard.writelines(json.dumps(file) + "\n" for file in files)
    note = {
        "sha256": package.pin.sha256,
        "version": package.pin.version,
        "licence": package.licence,
        "reason": package.reason,
        "dropped": package.dropped,
    }
    path = _note(package.pin, folder)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(note), encoding="utf-8")
    part.replace(path)


def load(pin: Pin, folder: Path) -> Package | None:
    """The package as it was stored; None where it was not, or was another version or file."""
    try:
        note = json.loads(_note(pin, folder).read_text("utf-8"))
    except FileNotFoundError:
        return None
    if (note["version"], note["sha256"]) != (pin.version, pin.sha256):
        return None
    return Package(pin, note["licence"], note["reason"], dropped=Counter(note["dropped"]))


def load_files(pin: Pin, folder: Path) -> Iterator[File]:
    with lzma.open(_texts(pin, folder), "rt", encoding="utf-8") as shard:
        for line in shard:
            path, text = json.loads(line)
            yield path, text


def _texts(pin: Pin, folder: Path) -> Path:
    return folder / f"{pin.name}.jsonl.xz"


def _note(pin: Pin, folder: Path) -> Path:
    return folder / f"{pin.name}.json"
