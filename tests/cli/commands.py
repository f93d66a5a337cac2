"""Running the command line, in this process where its words matter, in one of its own where its end matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from codels import cli

PATIENCE_S = 60.0


class Said(NamedTuple):
    code: int
    out: str
    err: str


def codels(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    """A command in this process."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    captured = capsys.readouterr()
    code = ended.value.code
    return Said(code if isinstance(code, int) else 0 if code is None else 1, captured.out, captured.err)


def start(*arguments: str, env: dict[str, str] | None = None, **more: Any) -> subprocess.Popen[bytes]:
    """A command in a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "codels", *arguments], env={**os.environ, **(env or {})}, **more)


def write_script(folder: Path, name: str, **fields: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"answers": {"": "ge(10): pass\n"}, **fields}), "utf-8")
