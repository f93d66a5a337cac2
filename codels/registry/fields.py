"""What may stand in each field of a model card: a test, and the words for it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import PurePosixPath
from typing import Any

from codels.copyweights import BUCKETS, N_COLUMNS
from codels.core import Skill
from codels.endpoint import Kind, is_url
from codels.gate import Gate
from codels.prompt import Order
from codels.prompt.families import FAMILIES

Field = tuple[Callable[[Any], bool], str]

MAX_BEAMS = 8

_GATE_FIELDS = [field.name for field in fields(Gate)]

_REQUIRED = {"id", "backend", "path"}

_UNSAFE = set('\\:"<>|?*')
"""What Windows lets no name of a file contain, and what its paths are made of."""


def check(data: Mapping[str, Any], known: Mapping[str, Field], where: str) -> None:
    """Raises `ValueError` that names the field and what it may be; `where` goes before it."""
    if unknown := set(data) - set(known):
        raise ValueError(f"{where}unknown fields {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    for name, (is_valid, wanted) in known.items():
        if name not in data and name in _REQUIRED:
            raise ValueError(f"{where}{name} is missing; it must be {wanted}")
        if name in data and not is_valid(data[name]):
            raise ValueError(f"{where}{name} must be {wanted}, not {data[name]!r:.60}")


def check_remote(data: Any) -> None:
    """Of a [remote] table. Raises `ValueError` that names the field, and shows nothing that stands in it."""
    if not isinstance(data, dict):
        raise ValueError("remote must be a [remote] table")
    if unknown := set(data) - set(REMOTE_FIELDS):
        known = ", ".join(REMOTE_FIELDS)
        raise ValueError(f"remote: {len(unknown)} unknown fields; known are {known}")
    if "url" not in data:
        raise ValueError(f"remote.url is missing; it must be {REMOTE_FIELDS['url'][1]}")
    for name, value in data.items():
        is_valid, wanted = REMOTE_FIELDS[name]
        if not is_valid(value):
            raise ValueError(f"remote.{name} must be {wanted}")


def stays_inside(path: str) -> bool:
    """Whether a path of the hub names a file below the folder that it is joined to, on every system."""
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and path.isprintable() and not _UNSAFE & set(path)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_scale(value: Any) -> bool:
    return _is_real(value) and math.isfinite(value) and value != 0


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_table(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (0, len(BUCKETS))
        and all(isinstance(row, list) and len(row) == N_COLUMNS for row in value)
        and all(_is_real(share) and 0 <= share <= 1 for row in value for share in row)
    )


def _is_gate(value: Any) -> bool:
    return isinstance(value, dict) and sorted(value) == sorted(_GATE_FIELDS) and all(map(_is_real, value.values()))


def _matches(pattern: str, wanted: str) -> Field:
    return lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value)), wanted


_TEXT: Field = (lambda value: isinstance(value, str), "a text")
_NAME: Field = (lambda value: isinstance(value, str) and bool(value.strip()), "a text that is not empty")
_NUMBER: Field = (_is_number, "a whole number, 0 or more")
_REPO: Field = _matches(r"|[\w-][\w.-]*/[\w-][\w.-]*", 'a repository of the hub such as "owner/name"')

CARD_FIELDS: dict[str, Field] = {
    "id": _matches(r"[A-Za-z0-9][A-Za-z0-9._+-]*", "a name of letters, digits and . _ + -"),
    "backend": _NAME,
    "files": (
        lambda value: _is_tables(value) and bool(value),
        "one [[files]] table at least",
    ),
    "title": _TEXT,
    "family": (lambda value: value == "" or value in list(FAMILIES), f"one of {', '.join(FAMILIES)}"),
    "order": (lambda value: value in list(Order), f"one of {', '.join(Order)}"),
    "skills": (lambda value: _is_texts(value) and set(value) <= set(Skill), f"a list out of {', '.join(Skill)}"),
    "languages": (_is_texts, 'a list of language ids such as ["python"]'),
    "context_window": _NUMBER,
    "license": _TEXT,
    "license_note": _TEXT,
    "repo": _REPO,
    "sources": (_is_texts, "a list of texts"),
    "note": _TEXT,
    "parameters": _NUMBER,
    "layers": _NUMBER,
    "kv_heads": _NUMBER,
    "head_dim": _NUMBER,
    "copy_weights": (_is_table, f"{len(BUCKETS)} rows of {N_COLUMNS} numbers from 0 to 1, or none"),
    "beams": (lambda value: _is_number(value) and 1 <= value <= MAX_BEAMS, f"a whole number from 1 to {MAX_BEAMS}"),
    "probe": (lambda value: isinstance(value, bool), "true or false"),
    "adapters": (_is_tables, "[[adapters]] tables, or none"),
    "gate": (_is_gate, f"a table of the numbers {', '.join(_GATE_FIELDS)}"),
    "remote": (lambda _value: True, "a [remote] table"),  # `check_remote` looks at it, and shows nothing
}

FILE_FIELDS: dict[str, Field] = {
    "path": _NAME,
    "size": _NUMBER,
    "sha256": _matches("[0-9a-f]{64}", "64 hex digits"),
    "repo": _REPO,
    "revision": _matches(r"[\w./-]*", "a commit, or a branch or tag"),
    "quantisation": _matches("[A-Za-z0-9_.-]*", "a name such as Q4_K_M"),
}

REMOTE_FIELDS: dict[str, Field] = {
    "url": (
        lambda value: isinstance(value, str) and is_url(value),
        "an address such as http://127.0.0.1:8000/v1, without a user, password or query",
    ),
    "model": (
        lambda value: isinstance(value, str) and len(value) <= 300,
        "the name that the server knows the model by",
    ),
    "kind": (lambda value: value in list(Kind), f"one of {', '.join(Kind)}"),
    "key_env": _matches("|[A-Z][A-Z0-9_]{0,63}", "the name of an environment variable, in capitals, and not the key"),
}
"""Values of these are not shown: somebody may write a key into a wrong one."""

ADAPTER_FIELDS: dict[str, Field] = {
    **{name: field for name, field in FILE_FIELDS.items() if name != "quantisation"},
    "scale": (_is_scale, "a number other than 0"),
}
