"""The NOTICE that goes with the model: which packages it learned from, in which version, under which licence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

NOTICE = "NOTICE.tsv"
BYTES = "bytes"
"""How the name of the column begins that says how much of a package was used."""


def write_notice(manifest: Path, notice: Path) -> None:
    """The rows of the packages that text was taken from. Gives the same again for a NOTICE."""
    if not manifest.is_file():
        sys.exit(f"{manifest} does not exist: a corpus without the licences of its packages cannot be passed on")
    header, *rows = _rows(manifest.read_text("utf-8"))
    column = next((number for number, name in enumerate(header) if name.startswith(BYTES)), None)
    if column is None:
        sys.exit(f"{manifest} has no column {BYTES!r}: its header is {header}")
    used = [row for row in rows if row[column] != "0"]
    text = "".join("\t".join(row) + "\n" for row in [header, *used])
    notice.write_text(text, encoding="utf-8")


def _rows(text: str) -> Iterator[list[str]]:
    """Lines of as many fields as the first one has; a row that was broken over several lines is joined."""
    row = ""
    n_tabs = text.partition("\n")[0].count("\t")
    for line in text.splitlines():
        row += line
        if row.count("\t") >= n_tabs:
            yield row.split("\t")
            row = ""
