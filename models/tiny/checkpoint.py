"""Checkpoints that survive a kill or a full disk: written aside, renamed when whole; the newest two are kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch

N_KEPT = 2


def save(folder: Path, state: dict[str, Any]) -> Path:
    """Writes `ckpt-STEP.pt`. A failed write leaves the earlier checkpoints as they are and ends the run."""
    path = folder / f"ckpt-{state['progress']['step']:08d}.pt"
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        last = newest(folder)
        sys.exit(f"{path} could not be written ({error}); the last whole checkpoint is {last[-1] if last else 'none'}")
    part.replace(path)
    for old in newest(folder)[:-N_KEPT]:
        old.unlink()
    return path


def newest(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    return sorted(folder.glob("ckpt-*.pt"))


def load(path: Path) -> dict[str, Any]:
    """One checkpoint, or the newest whole one of a folder; a broken file is named and passed over."""
    candidates = newest(path) if path.is_dir() else [path]
    for candidate in reversed(candidates):
        try:
            state: dict[str, Any] = torch.load(candidate, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a torn file; each means the same here
            print(f"{candidate} is broken and set aside ({error!r}); trying the one before it", file=sys.stderr)
            candidate.rename(candidate.with_suffix(".broken"))
            continue
        return state
    sys.exit(f"{path} holds no checkpoint that can be read")
