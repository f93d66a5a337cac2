"""Pulls the files of a card into the models folder: one pull at a time, checked before use, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from codels.cancel import CancelToken
from codels.errors import DownloadError, UserError
from codels.registry import pins, remedies, store
from codels.registry.card import ModelCard, ModelFile
from codels.registry.download import Hub
from codels.registry.partial import Partial, check_space
from codels.registry.patience import wait
from codels.registry.progress import Meter, Progress
from codels.sizes import size_text

LOCK_S = 0.2
"""Between looks at whether another pull has ended."""


@dataclass(frozen=True, slots=True)
class Talk:
    """Who hears of a pull: `tell` takes sentences, `report` how far a file is."""

    tell: Callable[[str], None]
    report: Callable[[Progress], None]


def pull(model: ModelCard, talk: Talk, cancel: CancelToken, is_offline: bool) -> Path:
    """Fetch what is missing of the card's own quantisation, or the chosen one, and its adapters. The path of the main
    file.

    Raises `DownloadError` with what helps, `Stopped` when cancelled; what has come is kept, and the next pull goes on.
    """
    wanted = model.needed(model.quantisations[0])
    on_hub = [file for file in wanted if file.repo]
    if not on_hub:
        raise UserError(f"{model.id} is not on the hub: there is nothing to pull")
    for file in on_hub:
        path = store.place(model, file)
        if not _is_there(pins.pinned(file, path), path):
            _pull(file, path, _Call(talk, cancel, is_offline))
    return store.locate(replace(model, files=tuple(file for file in wanted if file not in model.adapters)))


@dataclass(frozen=True, slots=True)
class _Call:
    talk: Talk
    cancel: CancelToken
    is_offline: bool


def _is_there(known: ModelFile, path: Path) -> bool:
    """Whether the right file lies at `path`. One that nobody pulled is read whole, and has its pin from then on."""
    if not path.is_file() or not known.sha256 or known.size not in (0, path.stat().st_size):
        return False
    if pins.read(path) is None and pins.digest(path) == known.sha256:
        pins.write(path, pins.Pin(known.repo, known.revision, path.stat().st_size, known.sha256))
    pin = pins.read(path)
    return pin is not None and (pin.sha256, pin.size) == (known.sha256, path.stat().st_size)


def _pull(file: ModelFile, path: Path, call: _Call) -> None:
    if call.is_offline:
        size = f", {size_text(file.size)}" if file.size else ""
        raise DownloadError(
            f"codels.offline is set, so nothing is fetched: {file.path} of {file.repo} on the hub would be needed{size}"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock(path, call):
            known = pins.pinned(file, path)
            if not _is_there(known, path):
                _replace(known, path, call)
    except OSError as error:
        raise DownloadError(remedies.disk_sentence(error, str(path))) from error


@contextmanager
def _lock(path: Path, call: _Call) -> Iterator[None]:
    """One pull of a file at a time, in all processes; the system lets go of it when one dies."""
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(path.name + ".lock"))
    is_told = False
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if not is_told:
                call.talk.tell(f"{path.name} is being pulled already: waiting for that")
            is_told = True
            wait(LOCK_S, call.cancel)
    try:
        yield
    finally:
        lock.release()


def _replace(known: ModelFile, path: Path, call: _Call) -> None:
    hub = Hub(known, call.talk.tell, call.cancel)
    said = hub.ask()
    sha256 = known.sha256 or said.sha256
    if (known.size not in (0, said.size)) or (said.sha256 and said.sha256 != sha256):
        raise DownloadError(
            f"the hub's {known.path} of {known.repo} is not the file that the card describes ({said.size} bytes, hash "
            f"{said.etag}): correct the card, or `codels models rm` what was pinned before"
        )
    if _is_there(replace(known, sha256=sha256, size=said.size, revision=said.commit), path):
        return
    with Partial(path, said.etag) as part:
        check_space(path.parent, said.size - part.n_bytes)
        meter = Meter(known.path, said.size, call.talk.report)
        hub.fetch(said, part, meter)
        found = part.check(said.size, sha256, said.etag)
        pins.write(path, pins.Pin(known.repo, said.commit, said.size, found))
        part.finish()
    if not known.sha256:
        source = "the hub reports" if said.sha256 else "came"
        call.talk.tell(f"the card has no hash of {known.path}; it is pinned to what {source}: sha256 {found}")
