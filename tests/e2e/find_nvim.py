"""Finds a Neovim to test with: the one that is named, the one on the PATH, the one in the cache; or installs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

RECIPE = Path(__file__).with_name("nvim.sh")
INSTALL = "CODELS_NVIM_INSTALL"

Version = tuple[int, int]
NEEDED: Version = (0, 12)


class NoNvimError(Exception):
    """Says in one sentence why there is none."""


def find_nvim() -> Path:
    """A Neovim that shows inline completions: CODELS_NVIM, or one on the PATH, or our own."""
    named = os.environ.get("CODELS_NVIM")
    if named:
        return _checked(Path(named), "CODELS_NVIM")
    on_path = shutil.which("nvim")
    if on_path and _version(Path(on_path)) >= NEEDED:
        return Path(on_path)
    return _checked(_cached("nvim", suite="forky"), "the cached one")


def find_old_nvim() -> Path:
    """A Neovim that is too old for inline completions."""
    named = os.environ.get("CODELS_NVIM_OLD")
    return Path(named) if named else _cached("nvim-old", suite="trixie")


def _checked(nvim: Path, origin: str) -> Path:
    found = _version(nvim)
    if found < NEEDED:
        raise NoNvimError(f"{nvim} ({origin}) is Neovim {found[0]}.{found[1]}; {NEEDED[0]}.{NEEDED[1]} is needed")
    return nvim


def _version(nvim: Path) -> Version:
    try:
        said = subprocess.run([nvim, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoNvimError(f"{nvim} does not run: {error}") from error
    match = re.match(r"NVIM v(\d+)\.(\d+)", said)
    if not match:
        raise NoNvimError(f"{nvim} is no Neovim; it says {said!r:.40}")
    return int(match[1]), int(match[2])


def _cached(name: str, suite: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "codels" / name
    nvim = folder / "bin" / "nvim"
    if nvim.exists():
        return nvim
    if not os.environ.get(INSTALL):
        raise NoNvimError(f"{nvim} is not there; {RECIPE.name} installs it ({INSTALL}=1 does that for you)")
    done = subprocess.run([RECIPE, folder], env={**os.environ, "SUITE": suite}, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise NoNvimError((done.stderr.strip() or f"{RECIPE.name} failed").splitlines()[-1])
    return nvim
