"""The rows of a run, one JSON object a line, in a file that a later run goes on with.

The first line says what was run. A file of another model, set, seed or data is refused, never mixed with.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from codels.errors import UserError
from codels.evaluate.task import Row

FORMAT = 1


class Journal:
    """Rows by their ids. Without a path they are kept in memory only."""

    def __init__(self, path: Path | None, header: Row) -> None:
        self.rows: dict[str, Row] = {}
        self._file: IO[str] | None = None
        if path is None:
            return
        header = {"codels_evaluate": FORMAT, **header}
        try:
            kept = _read(path, header) if path.exists() else b""
            self.rows = {row["id"]: row for row in map(json.loads, kept.splitlines()[1:])}
            self._file = path.open("a", encoding="utf-8")
            self._file.truncate(len(kept))
            if not kept:
                self._file.write(json.dumps(header) + "\n")
                self._file.flush()
        except OSError as error:
            raise UserError(f"cannot write the results to {str(path)!r}: {error.strerror}") from error

    def add(self, row: Row) -> None:
        """Keep a row, on disk at once. Raises `UserError` where the disk takes no more."""
        self.rows[row["id"]] = row
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()
        except OSError as error:
            raise UserError(f"cannot write to {self._file.name!r}: {error.strerror}; what is there is kept") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file:
            with suppress(OSError):  # a full disk was told when the row was added
                self._file.close()


def _read(path: Path, header: Row) -> bytes:
    """The whole lines of a run that was like this one. Raises `UserError` where it was not."""
    if not path.is_file():
        raise UserError(f"cannot write the results to {str(path)!r}: it is no file; name another one with --out")
    data = path.read_bytes()
    kept = data[: data.rfind(b"\n") + 1]  # an interrupted run may have left half a line
    if not data:
        return kept
    first, *rows = [_parsed(line) for line in kept.splitlines()] or [{}]
    if "codels_evaluate" not in first or not all("id" in row for row in rows):
        raise UserError(f"{str(path)!r} is no file of `codels evaluate`: name another one with --out")
    for key, value in header.items():
        if first.get(key) != value:
            raise UserError(
                f"{str(path)!r} holds a run with {key} {first.get(key)!r}, and this one has {value!r}: "
                "name another file with --out, or delete it"
            )
    return kept


def _parsed(line: bytes) -> Row:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
