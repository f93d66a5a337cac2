"""Small files of codels' own: read as far as a file of theirs may be long, written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

MAX_BYTES = 1 << 24
"""Of one file. Whatever is longer is none of ours."""


def read(path: Path) -> str:
    """The text of a file. Raises `OSError`, and `ValueError` where it is too long or no UTF-8."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
    return data.decode("utf-8")


def load(path: Path) -> Any:
    """The JSON value of a file. Raises `OSError` and `ValueError`."""
    import json  # for what is there: a list of models does mostly without

    try:
        return json.loads(read(path))
    except RecursionError as error:
        raise ValueError("its lists go too deep") from error


def write(path: Path, text: str) -> None:
    """In place of what was there, at once; the folder is made where there is none. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")  # writers of the same file do not meet in it
    try:
        draft.write_text(text, "utf-8")
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def save(path: Path, value: object) -> None:
    """A JSON value, as `write` does. Raises `OSError`."""
    import json

    write(path, json.dumps(value, indent=1) + "\n")
