"""Verdicts of the probe on the disk, by the hash of the model's files: a model is probed once, not at each start.

Losing them costs a probe, so what cannot be read or written is passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs

from codels import records
from codels.cancel import CancelToken
from codels.errors import Cancelled, CodelsError
from codels.probe import VERSION, Subject, Verdict
from codels.registry import store
from codels.registry.card import ModelCard, ModelFile

CHUNK_BYTES = 1 << 20


def find(card: ModelCard, subject: Subject) -> Verdict | None:
    """What was found of the model before, as far as its hash is known without reading it."""
    digest = known_digest(card)
    data = _read(_place(digest, subject)) if digest else None
    try:
        return Verdict.from_json(data["verdict"]) if data else None
    except (KeyError, TypeError, ValueError):
        return None


def keep(digest: str, subject: Subject, verdict: Verdict) -> None:
    _write(_place(digest, subject), {"verdict": verdict.to_json()})


def known_digest(card: ModelCard) -> str:
    """The hash of a model, with its parts and adapters; empty where a file must be read for it.

    A file's hash is the one remembered, for as long as it looks the same, else the card's or its pin's.
    """
    try:
        digests = [_known(path, file) for path, file in store.files(card).items()]
    except (CodelsError, OSError):
        return ""
    return _joined(card, digests) if all(digests) else ""


def compute_digest(card: ModelCard, cancel: CancelToken) -> str:
    """The same; whole files are read for it. Raises `ModelError`, `OSError`, `Cancelled`."""
    return _joined(card, [_known(path, file) or _read_whole(path, cancel) for path, file in store.files(card).items()])


def _joined(card: ModelCard, digests: list[str]) -> str:
    if len(digests) == 1:
        return digests[0]
    scales = [str(adapter.scale) for adapter in card.adapters]
    return hashlib.sha256(" ".join(digests + scales).encode()).hexdigest()


def _known(path: Path, file: ModelFile) -> str:
    """The hash remembered, else the card's or its pin's; empty where the file must be read, as it has changed since."""
    data = _read(_memory(path))
    if data is None:
        return file.sha256
    return str(data.get("sha256", "")) if data.get("state") == _state(path) else ""


def _read_whole(path: Path, cancel: CancelToken) -> str:
    """The hash of a file, which is remembered for as long as the file looks the same."""
    state, digest = _state(path), hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            if cancel.is_cancelled:
                raise Cancelled("the model changed meanwhile")
            digest.update(chunk)
    _write(_memory(path), {"state": state, "sha256": digest.hexdigest()})
    return digest.hexdigest()


def folder() -> Path:
    return platformdirs.user_cache_path("codels", appauthor=False) / "verdicts"


def _place(digest: str, subject: Subject) -> Path:
    """Another question to the same file is another record."""
    question = json.dumps([VERSION, asdict(subject)])
    return folder() / f"{digest}-{hashlib.sha256(question.encode()).hexdigest()[:16]}.json"


def _memory(path: Path) -> Path:
    return folder() / f"path-{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()}.json"


def _state(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _read(place: Path) -> dict[str, Any] | None:
    try:
        data = records.load(place)
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _write(place: Path, data: dict[str, Any]) -> None:
    with suppress(OSError):
        records.save(place, data)
