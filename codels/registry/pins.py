"""What is known of a pulled file: a small JSON file beside it. A file without a hash in its card is pinned by this."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from codels import records
from codels.registry.card import ModelFile


@dataclass(frozen=True, slots=True)
class Pin:
    """Where a file came from and what it was: `commit` of the repository, `size` in bytes, `sha256` in hex."""

    repo: str
    commit: str
    size: int
    sha256: str


def read(path: Path) -> Pin | None:
    """The pin of the file at `path`; none where it was not pulled, or the record is not readable."""
    record = _record(path)
    if not record.is_file():
        return None
    try:
        data = records.load(record)
        return Pin(str(data["repo"]), str(data["commit"]), int(data["size"]), str(data["sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(path: Path, pin: Pin) -> None:
    """Atomic: there is the whole record or none."""
    records.save(_record(path), asdict(pin))


def remove(path: Path) -> None:
    _record(path).unlink(missing_ok=True)


def pinned(file: ModelFile, path: Path) -> ModelFile:
    """`file` with what its pin adds where the card leaves it open: commit, size and hash.

    A pin is heeded only where it does not contradict the card, which may have changed since.
    """
    pin = read(path)
    if pin is None or pin.repo != file.repo or file.sha256 not in ("", pin.sha256):
        return file
    return replace(file, revision=pin.commit, size=pin.size, sha256=pin.sha256)


def digest(path: Path) -> str:
    """The SHA-256 of a whole file, in hex."""
    import hashlib

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".pin.json")
