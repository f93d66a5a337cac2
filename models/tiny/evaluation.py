"""The texts of what is held out: evaluation sets in a folder, and the sources of tests.

Read are JSON lines, JSON and plain text, each of them plain, `.gz` or `.xz`, at any depth. A file of another kind is
named and skipped; one that is torn ends the program, since what it holds would be learnt.
"""

from __future__ import annotations

import gzip
import json
import lzma
import os
import re
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

Reader = Callable[[str, str], Iterator[str]]
"""From a file's name and content to its texts."""

UNPACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".xz": lzma.decompress}

TESTS = "our own tests"
"""What the sources of tests are called, beside the names of the evaluation sets."""

NOT_HELD_OUT = {"copying", "licence", "license", "notice", "readme"}
"""Names of texts that go with a set: half of all packages quote the same licences."""

_IMPORT = re.compile(r"^[ \t]*(?:import|from)\s[^(\n]*(?:\([^)]*\))?[^\n]*$", re.MULTILINE)


def evaluation_texts(folder: Path, corpora: tuple[Path, ...] = ()) -> dict[str, Iterator[str]]:
    """The texts of each set: a folder in `folder` with all below it, or a file. What lies in `corpora` is none.

    Ends with a sentence where there is no set.
    """
    if not folder.is_dir():
        sys.exit(f"{folder} is no folder: pass the one of the evaluation sets with --evaluation")
    sets: dict[str, list[Iterator[str]]] = defaultdict(list)
    for path in sorted(_files(folder, {corpus.resolve() for corpus in corpora})):
        reader = _reader(path)
        if reader:
            name = path.name.split(".")[0] if path.parent == folder else path.relative_to(folder).parts[0]
            sets[name].append(_whole(path, reader))
        else:
            print(f"{path}: skipped, since its name is none of {', '.join(READERS)} (.gz, .xz)", file=sys.stderr)
    if not sets:
        sys.exit(f"{folder} holds no evaluation set (SET/*.jsonl.gz): pass another folder with --evaluation")
    return {name: chain.from_iterable(texts) for name, texts in sets.items()}


def sources_of_tests(folder: Path) -> dict[str, Iterator[str]]:
    """What stands between the imports in the sources of tests: half of all files begin with the same imports."""
    if not folder.is_dir():
        sys.exit(f"{folder} is no folder: pass the one of the tests with --tests")
    sources = (path.read_text("utf-8", errors="replace") for path in sorted(folder.rglob("*.py")))
    return {TESTS: (piece for source in sources for piece in _IMPORT.split(source))}


def _files(folder: Path, apart: set[Path]) -> Iterator[Path]:
    """All files below, also behind links; of a corpus that shares its folder with the sets, all but its own."""
    for name, folders, files in os.walk(folder, followlinks=True):
        root = Path(name)
        if root.resolve() not in apart:
            yield from (root / file for file in files)
        elif root != folder:
            folders.clear()


def _reader(path: Path) -> Reader | None:
    ending = Path(path.name.removesuffix(".gz").removesuffix(".xz")).suffix
    return None if path.name.split(".")[0].lower() in NOT_HELD_OUT else READERS.get(ending)


def _whole(path: Path, reader: Reader) -> Iterator[str]:
    """The texts of one file."""
    packed = path.read_bytes()
    try:
        content = UNPACK[path.suffix](packed) if path.suffix in UNPACK else packed
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        sys.exit(f"{path} is torn ({error}): fetch it again, or take it out of the evaluation sets")
    yield from reader(path.name, content.decode("utf-8", errors="replace"))


def _of_rows(name: str, content: str) -> Iterator[str]:
    """Every text of every line; a line that does not parse is named and skipped."""
    for number, line in enumerate(content.split("\n"), 1):
        try:
            if line.strip():
                yield from _strings(json.loads(line))
        except ValueError as error:
            print(f"{name}:{number}: broken row skipped ({error})", file=sys.stderr)


def _of_json(name: str, content: str) -> Iterator[str]:
    """One value, or rows after all: many name them so."""
    try:
        value = json.loads(content)
    except ValueError:
        yield from _of_rows(name, content)
    else:
        yield from _strings(value)


def _of_text(_name: str, content: str) -> Iterator[str]:
    yield content


READERS: dict[str, Reader] = {
    ".jsonl": _of_rows,
    ".json": _of_json,
    ".txt": _of_text,
    ".inp": _of_text,
    ".py": _of_text,
}
"""How the files of an evaluation set are read, by the ends of their names."""


def _strings(value: object) -> Iterator[str]:
    """The texts of a JSON value. A list of short words (a cloze row's tokens) is one text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield " ".join(value)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
