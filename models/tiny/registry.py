"""One pinned wheel from the package registry that pip is set up for. It is never installed, unpacked or run."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from zipfile import BadZipFile, ZipFile

SPLITS = ("train", "valid", "test")
FIELDS = ("name", "version", "sha256", "split")
TIMEOUT_S = 600

UNREACHABLE = "the registry cannot be reached"

REASONS = {
    "DO NOT MATCH THE HASHES": "its file has changed (another sha256)",
    "(Retry(": UNREACHABLE,
    "Could not fetch URL": UNREACHABLE,
    "Connection": UNREACHABLE,
    "No matching distribution": "it has vanished from the registry",
}
"""What pip says, in our words; the first that it says counts. It calls a package missing too when no one answers."""

_LINE = re.compile(r"(?P<name>[a-z0-9-]+)\t(?P<version>[\w.+!]+)\t(?P<sha256>[0-9a-f]{64})\t(?P<split>\w+)")


class Unavailable(Exception):
    """A package that cannot be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A pure-Python wheel, the same for every machine, and the split that all its files go to."""

    name: str
    version: str
    sha256: str
    split: str


def read_pins(path: Path) -> list[Pin]:
    """The list of packages; ends with the number of the first line that does not parse."""
    pins = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if number == 1 or not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if not found or found["split"] not in SPLITS:
            sys.exit(f"{path}:{number}: {line!r:.100} is not {', '.join(FIELDS)} between tabs")
        pins.append(Pin(**found.groupdict()))
    return pins


@contextmanager
def fetched(pin: Pin) -> Iterator[Path]:
    """The wheel in a folder that goes away. Raises `Unavailable`."""
    with tempfile.TemporaryDirectory(prefix="corpus-") as name:
        folder = Path(name)
        _download(pin, folder)
        wheels = list(folder.glob("*.whl"))
        if len(wheels) != 1 or hashlib.sha256(wheels[0].read_bytes()).hexdigest() != pin.sha256:
            raise Unavailable(REASONS["DO NOT MATCH THE HASHES"])
        yield wheels[0]


def metadata(wheel: Path) -> Message:
    """Raises `Unavailable` for a file that is no wheel."""
    try:
        with ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
            return BytesParser().parsebytes(archive.read(name))
    except (StopIteration, BadZipFile) as error:
        raise Unavailable("its file is not a wheel") from error


def _download(pin: Pin, folder: Path) -> None:
    """Wheels only: for a source distribution pip would run its build script."""
    pinned = folder / "pinned.txt"
    pinned.write_text(f"{pin.name}=={pin.version} --hash=sha256:{pin.sha256}\n", encoding="utf-8")
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--require-hashes"]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", *options]
    try:
        done = subprocess.run(
            [*command, f"--dest={folder}", f"--requirement={pinned}"],
            capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"pip took more than {TIMEOUT_S} s") from error
    if done.returncode:
        said = next((ours for theirs, ours in REASONS.items() if theirs in done.stderr), "")
        raise Unavailable(said or (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1][:200])
