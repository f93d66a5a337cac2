"""A file that is not whole yet, beside the place it will have. It outlives the process, so that a pull goes on."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from codels.errors import DownloadError
from codels.registry import pins
from codels.sizes import size_text

_ENDING = ".part"
_READ_BYTES = 1 << 20


class Partial:
    """What has come of a file. `tag` tells versions of it apart: only the same version is gone on with."""

    def __init__(self, target: Path, tag: str) -> None:
        self._target = target
        self.path = target.with_name(f"{target.name}.{re.sub('[^0-9A-Za-z]', '', tag)[:16]}{_ENDING}")
        for other in of(target):
            if other != self.path:
                other.unlink()
        # Unbuffered: what came is on disk when the process is killed, and a full disk shows at the write.
        self._stream = self.path.open("ab", buffering=0)
        self.n_bytes = self._stream.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._stream.close()

    def write(self, chunk: bytes) -> None:
        left = memoryview(chunk)
        while left:
            n_written = self._stream.write(left)
            self.n_bytes += n_written
            left = left[n_written:]

    def restart(self) -> None:
        """Forget what has come."""
        self._stream.truncate(0)
        self.n_bytes = 0

    def check(self, size: int, sha256: str, etag: str) -> str:
        """The SHA-256 of what has come. Raises `DownloadError`, and keeps nothing, where it is not as it should be.

        `sha256` empty: nobody published one, and `etag` may be git's hash of the content, or none that is known.
        """
        found = pins.digest(self.path)
        if self.n_bytes != size:
            reason = f"has {self.n_bytes} bytes where {size} were to come"
        elif sha256 and found != sha256:
            reason = f"has the sha256 {found} where {sha256} was to come"
        elif not sha256 and re.fullmatch("[0-9a-f]{40}", etag) and _git_hash(self.path) != etag:
            reason = f"is not what the hub's hash {etag} is of"
        else:
            return found
        self.restart()
        raise DownloadError(
            f"{self._target.name} came damaged, and nothing of it is kept: it {reason}; pull again, and if that does "
            "not help, the hub or the mirror of HF_ENDPOINT has another file than the card describes"
        )

    def finish(self) -> None:
        """The whole file takes its place, at once."""
        os.fsync(self._stream.fileno())
        self._stream.close()  # Windows renames no open file
        self.path.replace(self._target)


def of(target: Path) -> list[Path]:
    """The parts of `target` that lie about."""
    return [path for path in target.parent.glob("*" + _ENDING) if path.name.startswith(target.name + ".")]


def check_space(folder: Path, n_bytes: int) -> None:
    """Raises `DownloadError` where the disk has no room for `n_bytes` more."""
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise DownloadError(
            f"{size_text(n_bytes)} are needed in {folder} and {size_text(free)} are free: make room "
            "(`codels models rm` removes a model), or choose a smaller quantisation"
        )


def _git_hash(path: Path) -> str:
    """What git calls the content; the hub reports it for small files, which are in its repositories themselves."""
    found = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_READ_BYTES):
            found.update(chunk)
    return found.hexdigest()
