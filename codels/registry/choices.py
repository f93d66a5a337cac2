"""The models that `codels models use` has chosen, by role: a small JSON file in the configuration folder."""

from __future__ import annotations

import os
from pathlib import Path

from codels import records
from codels.core import Role
from codels.registry import store

Stamp = tuple[tuple[str, int, int], ...]
"""Paths with their times of change in nanoseconds, and their sizes in bytes or files."""


def file() -> Path:
    return store.cards_folder().parent / "choices.json"


def read() -> tuple[dict[Role, str], str]:
    """Model names by role, and a sentence where the file cannot be understood; it is ignored then."""
    try:
        data = records.load(file())
        if not isinstance(data, dict):
            raise ValueError("it must hold an object")
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return {}, f"{file()} cannot be read: {error.strerror or error}; what it chooses does not count"
    except ValueError as error:
        return {}, f"{file()} cannot be read: {error}; `codels models use ID` writes it anew"
    return {role: data[role] for role in Role if isinstance(data.get(role), str) and data[role].strip()}, ""


def write(role: Role, name: str) -> None:
    """Remember the model `name` for a role; empty forgets the former one. Atomic. Raises `OSError`."""
    chosen = {**read()[0], role: name}
    records.save(file(), {role: name for role, name in chosen.items() if name})


def stamp() -> Stamp:
    """Changes when a choice, a card of the user's or a pulled file does. Cheap: some system calls a model."""
    files = [file(), *sorted(store.cards_folder().glob("*.toml"))]
    return (*(seen for path in files for seen in _seen(path)), *_folder(store.models_folder()))


def _seen(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return ()
    return ((str(path), status.st_mtime_ns, status.st_size),)


def _folder(folder: Path) -> Stamp:
    """Its time changes when a file is put into it or taken out; the number of files, where clocks are coarse."""
    try:
        inside = sorted(os.scandir(folder), key=lambda entry: entry.name)
        folders = [Path(entry.path) for entry in inside if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return ()
    own = tuple((path, at, len(inside)) for path, at, _ in _seen(folder))
    return (*own, *(seen for path in folders for seen in _folder(path)))
