"""Reads code to cut holes into: a corpus of JSON lines, or a folder of Python files."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from codels.errors import UserError
from codels.evaluate.task import Broken

SKIPPED = {".git", ".hg", ".tox", ".nox", ".venv", "venv", "node_modules", "__pycache__", "build", "dist", ".eggs"}
"""Folders that hold others' code or none."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file: `package` groups files that belong together; `path` is relative to it."""

    package: str
    path: str
    text: str


def load(data: Path) -> tuple[list[Source], list[Broken]]:
    """All files of a corpus (rows with `p` package, `f` file, `t` text) or folder, and what could not be read."""
    if data.is_dir():
        return _folder(data)
    sources, broken = [], []
    for number, row in rows(data):
        if isinstance(row, dict) and all(isinstance(row.get(key), str) for key in "pft"):
            sources.append(Source(row["p"], row["f"], row["t"]))
        else:
            reason = row.reason if isinstance(row, Broken) else "has not the texts p (package), f (file) and t (text)"
            broken.append(Broken(f"row {number}", reason))
    _need(sources, data, broken, "rows with the texts p (package), f (file) and t (text)")
    return sources, broken


def rows(data: Path) -> Iterator[tuple[int, Any]]:
    """The rows of a file of JSON lines (.gz and .xz too) with their numbers from 1; `Broken` for what is no JSON."""
    try:
        with _open(data) as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, _parsed(number, line)
    except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise UserError(f"cannot read the data {str(data)!r}: {reason}") from error


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".xz":
        return lzma.open(path)
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _parsed(number: int, line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        return Broken(f"row {number}", f"is no JSON: {error}")


def _folder(data: Path) -> tuple[list[Source], list[Broken]]:
    """Python files below `data`; each folder at its top is a package of its own."""
    sources, broken = [], []
    for path in sorted(data.rglob("*.py")):
        name = path.relative_to(data)
        if SKIPPED.intersection(name.parts):
            continue
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            broken.append(Broken(name.as_posix(), f"cannot be read: {error}"))
            continue
        package = name.parts[0] if len(name.parts) > 1 else data.name
        sources.append(Source(package, name.as_posix(), text))
    _need(sources, data, broken, "Python files")
    return sources, broken


def _need(sources: list[Source], data: Path, broken: list[Broken], wanted: str) -> None:
    if not sources:
        first = f"; {broken[0].where} {broken[0].reason}" if broken else ""
        raise UserError(f"{str(data)!r} has no {wanted}{first}")
