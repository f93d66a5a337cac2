"""A user with nothing but what the plugin's README says, for a real Neovim."""

from __future__ import annotations

import os
import re
from pathlib import Path

CLONE = Path(__file__).resolve().parents[2]
PLUGIN = CLONE / "editors" / "nvim"
_README_PATH = "/path/to/codels/editors/nvim"


def environment(folder: Path, server: str) -> dict[str, str]:
    """The machine's environment, but with home, configuration and state in `folder`.

    The command `codels` is there the shell command `server`, and CODELS_INIT names the README's init.lua.
    """
    program = folder / "bin" / "codels"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec {server}\n")
    program.chmod(0o755)
    init = folder / "init.lua"
    init.write_text(readme_configuration())
    own = {f"XDG_{kind.upper()}_HOME": str(folder / kind) for kind in ("config", "data", "state", "cache")}
    return {
        **os.environ,
        **own,
        "HOME": str(folder),
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(CLONE),
        "CODELS_INIT": str(init),
    }


def readme_configuration() -> str:
    """The first Lua block of the plugin's README, for this clone."""
    block = re.search(r"```lua\n(.*?)```", (PLUGIN / "README.md").read_text(), re.DOTALL)
    if not block or _README_PATH not in block[1]:
        raise AssertionError(f"the README of {PLUGIN} does not show how to set it up")
    return block[1].replace(_README_PATH, str(PLUGIN))
