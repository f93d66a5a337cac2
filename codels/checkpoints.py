"""A model as transformers keeps it: a folder with config.json, weights and tokenizer.json. Reads no weights, only what
is written beside them and in their heads. What does not fit raises `ValueError`.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

CONFIG, TOKENIZER = "config.json", "tokenizer.json"

SAFETENSORS, PICKLED = "model.safetensors", "pytorch_model.bin"
"""Names of weights, and of their parts' indices with `.index.json` behind; the better one first."""

_BESIDE = (
    *(CONFIG, "generation_config.json", TOKENIZER, "tokenizer_config.json", "special_tokens_map.json"),
    *("chat_template.jinja", f"{SAFETENSORS}.index.json"),
)
"""What else a model may be made of."""

MAX_HEAD_BYTES = 100_000_000
"""Of a safetensors file, by the format's description."""


def is_checkpoint(path: Path) -> bool:
    """Whether a folder says that it holds such a model."""
    return (path / CONFIG).is_file()


def is_pickled(path: Path) -> bool:
    """Whether reading weights of this name would run what is written in them."""
    return path.suffix != Path(SAFETENSORS).suffix


def weights(folder: Path) -> tuple[Path, ...]:
    """The files of the weights, in the order of their names: safetensors where there are some; else what is pickled."""
    for name in (SAFETENSORS, PICKLED):
        if (folder / name).is_file():
            return (folder / name,)
        if (folder / f"{name}.index.json").is_file():
            return tuple(folder / part for part in _parts(folder / f"{name}.index.json"))
    return ()


def files(folder: Path) -> tuple[Path, ...]:
    """All files that the model is made of, weights first; a changed one makes another model of it."""
    beside = (folder / name for name in _BESIDE)
    return (*weights(folder), *(path for path in beside if path.is_file()))


def read_object(path: Path) -> dict[str, Any]:
    """The object of a JSON file."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {_short(error)}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path} holds no JSON object")
    return data


def count(path: Path) -> Mapping[str, int]:
    """How many numbers of each type (F32, BF16, F16, …) a safetensors file holds.

    The head is 8 bytes of its length, little-endian, and JSON: of each tensor `dtype`, `shape`, `data_offsets`
    (huggingface/safetensors, README.md).
    """
    n_bytes = path.stat().st_size
    try:
        with path.open("rb") as file:
            (n_head,) = struct.unpack("<Q", file.read(8))
            if n_head > min(n_bytes, MAX_HEAD_BYTES):
                raise ValueError("its head is longer than it can be")
            head = json.loads(file.read(n_head))
        rows = [row for name, row in head.items() if name != "__metadata__"]
        end = max(row["data_offsets"][1] for row in rows)
        found: Counter[str] = Counter()
        for row in rows:
            found[row["dtype"]] += prod(row["shape"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error, RecursionError) as error:
        raise ValueError(f"{path} is no safetensors file, or torn ({_short(error)})") from error
    if n_bytes != 8 + n_head + end:
        raise ValueError(f"{path} has {n_bytes} bytes where its head says {8 + n_head + end}: it is truncated")
    return found


def _parts(index: Path) -> list[str]:
    named = read_object(index).get("weight_map")
    parts = sorted(set(named.values())) if isinstance(named, dict) and all(map(_is_name, named.values())) else []
    if not parts:
        raise ValueError(f"{index} names no files beside itself")
    return parts


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and Path(value).name == value


def _short(error: Exception) -> str:
    return f"{(error.strerror if isinstance(error, OSError) else '') or error or type(error).__name__}"[:100]
