"""Checkpoints that survive a kill or a full disk: written aside, renamed when whole; the newest two are kept."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import torch

N_KEPT = 2

TORN = (RuntimeError, EOFError, ValueError, pickle.UnpicklingError)
"""What torch raises for a file that is not whole."""


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


def load(path: Path) -> dict[str, Any]:
    """One checkpoint, or the newest whole one of a folder; a torn file is named and passed over."""
    for candidate in reversed(newest(path) if path.is_dir() else [path]):
        try:
            state: dict[str, Any] = torch.load(candidate, map_location="cpu", weights_only=True)
        except TORN as error:
            print(f"{candidate} is torn and passed over ({error!r:.200})", file=sys.stderr)
            continue
        except OSError as error:
            sys.exit(f"{candidate} cannot be read: {error.strerror}")
        return state
    sys.exit(f"{path} holds no checkpoint that can be read")
