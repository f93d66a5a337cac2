"""Checkpoints that survive a kill or a full disk: written aside, renamed when whole; the newest two are kept."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import torch

N_KEPT = 2

TORN = (RuntimeError, EOFError, ValueError, OSError, pickle.UnpicklingError)
"""What torch raises for an open file that is not whole: an offset before its start is an OSError."""

NO_MEMORY = "allocate memory"
"""What torch says, in a RuntimeError too, where a whole file is too big."""


def save(folder: Path, state: dict[str, Any]) -> Path:
    """Writes `ckpt-STEP.pt`. A failed write leaves the earlier checkpoints as they are and ends the run."""
    path = folder / f"ckpt-{state['progress']['step']:08d}.pt"
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        sys.exit(f"{path} cannot be written ({error}): make room and start again; {kept(folder)}")
    for old in [*newest(folder)[:-N_KEPT], *folder.glob("ckpt-*.part")]:
        old.unlink()
    return path


def kept(folder: Path) -> str:
    """What a run can go on from, in words."""
    paths = newest(folder)
    return f"the last whole checkpoint is {paths[-1]}" if paths else f"{folder} has no checkpoint yet"


def newest(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    return sorted(folder.glob("ckpt-*.pt"))


def has_some(folder: Path) -> bool:
    """Whether a run has been here. Torn files count: it must not begin anew unasked."""
    return any(folder.glob("ckpt-*.pt")) or any(folder.glob("ckpt-*.torn"))


def load(path: Path) -> dict[str, Any]:
    """One checkpoint, or the newest whole one of a folder, where a torn file is named and set aside as `.torn`.

    Ends with a sentence where a file is missing or may not be read, or where there is no whole one.
    """
    is_folder = path.is_dir()
    for candidate in reversed(newest(path) if is_folder else [path]):
        try:
            file = candidate.open("rb")
        except FileNotFoundError:
            if is_folder:
                continue  # another process of this run has set it aside
            sys.exit(f"{candidate} does not exist: pass a checkpoint, or a folder with some")
        except OSError as error:
            sys.exit(f"{candidate} cannot be read ({error.strerror}): mend that and start again")
        with file:
            try:
                state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            except TORN as error:
                if NO_MEMORY in str(error):
                    sys.exit(f"{candidate} does not fit into the memory ({error!r:.200}): free some and start again")
                print(f"{candidate} is torn and passed over ({error!r:.200})", file=sys.stderr)
            else:
                return state
        if is_folder:
            _set_aside(candidate)
    sys.exit(f"{path} holds no checkpoint that can be read: pass another, or remove its *.torn to begin anew")


def _set_aside(path: Path) -> None:
    """A torn file is none of the newest that are kept. Every process of a run does this at once: one is enough."""
    with contextlib.suppress(FileNotFoundError):
        path.rename(path.with_suffix(".torn"))
