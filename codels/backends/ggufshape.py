"""The shape of a GGUF file, read from its first bytes: what memory its weights and its KV cache need.

llama.cpp could be asked as well (`vocab_only`), but that builds the vocabulary, which takes a hundred times as long.
Nothing here imports a library.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from codels import splits
from codels.errors import ModelError

_MAX_KEYS = 4096
_MAX_BYTES = 1 << 20
"""Of one text or list that is kept; longer ones (vocabularies) are skipped."""

_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_TEXT, _LIST = 8, 9
"""`gguf_metadata_value_type` of ggml's docs/gguf.md."""


@dataclass(frozen=True, slots=True)
class FileShape:
    """What planning needs. Numbers 0: the file does not say.

    `kv_width` counts the numbers that the KV cache holds of one token, over all layers; `head_dims` are the lengths of
    a key and of a value, which quantising the cache depends on.
    """

    size_bytes: int
    layers: int = 0
    kv_width: int = 0
    head_dims: tuple[int, int] = (0, 0)
    heads: int = 0
    trained_window: int = 0
    vocabulary: int = 0


def read(path: Path) -> FileShape:
    """The shape of a file; of one that cannot be understood its size alone: loading it will say what is wrong."""
    size = _size(path)
    try:
        with path.open("rb") as file:
            return shape(metadata(file), size)
    except (OSError, ValueError, struct.error, OverflowError, MemoryError):
        return FileShape(size)


def check(path: Path) -> None:
    """Raises `ModelError` where it cannot be a GGUF file."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelError(f"the model file {path} cannot be read: {error.strerror}; name another one") from error
    if not magic:
        raise ModelError(f"{path} is empty. Fetch the file again")
    if magic != b"GGUF":
        raise ModelError(f"{path} is not a GGUF file (it begins with {magic!r}); convert it, or name another one")


def shape(values: Mapping[str, Any], size_bytes: int) -> FileShape:
    """From the metadata. Heads may be counted for each layer, where layers differ."""
    architecture = values.get("general.architecture", "")

    def number(key: str) -> int:
        value = values.get(f"{architecture}.{key}", 0)
        return value if isinstance(value, int) else max(value, default=0) if isinstance(value, tuple) else 0

    layers, heads = number("block_count"), number("attention.head_count")
    head_dim = number("embedding_length") // heads if heads else 0
    key, value = number("attention.key_length") or head_dim, number("attention.value_length") or head_dim
    kv_heads = values.get(f"{architecture}.attention.head_count_kv")
    n_kv_heads = sum(kv_heads) if isinstance(kv_heads, tuple) else layers * number("attention.head_count_kv")
    n_kv_heads = n_kv_heads or layers * heads
    window, vocabulary = number("context_length"), number("vocab_size")
    return FileShape(size_bytes, layers, n_kv_heads * (key + value), (key, value), heads, window, vocabulary)


def metadata(file: BinaryIO) -> dict[str, Any]:
    """Keys and values up to the vocabulary's, which is long and comes last in what converters write.

    Raises `ValueError` or `struct.error` where the bytes are no GGUF.
    """
    _, n_keys = _head(file)
    values: dict[str, Any] = {}
    for _ in range(min(n_keys, _MAX_KEYS)):
        key = _text(file)
        if key.startswith("tokenizer."):
            architecture = values.get("general.architecture", "?")
            if f"{architecture}.block_count" in values and f"{architecture}.context_length" in values:
                break
        values[key] = _value(file, _number(file, "<I"))
    return values


def entries(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Each key with the bytes of its whole entry, the key's own as well. Raises `ValueError` or `struct.error`."""
    _, n_keys = _head(file)
    for _ in range(n_keys):
        start = file.tell()
        key = _text(file)
        _value(file, _number(file, "<I"))
        end = file.tell()
        file.seek(start)
        yield key, _bytes(file, end - start)


def _head(file: BinaryIO) -> tuple[int, int]:
    """How many tensors and keys there are."""
    if file.read(4) != b"GGUF":
        raise ValueError("no GGUF")
    version, n_tensors, n_keys = struct.unpack("<IQQ", file.read(20))
    if version < 2:
        raise ValueError("an old GGUF")
    return n_tensors, n_keys


def _value(file: BinaryIO, kind: int) -> Any:
    """A number, a text, a tuple of numbers; None for lists that are skipped."""
    if kind == _TEXT:
        return _text(file)
    if kind != _LIST:
        return _number(file, _NUMBERS.get(kind, ""))
    inner, n = _number(file, "<I"), _number(file, "<Q")
    if inner in _NUMBERS:
        size = n * struct.calcsize(_NUMBERS[inner])
        if size <= _MAX_BYTES:
            return struct.unpack(f"<{n}{_NUMBERS[inner][1]}", _bytes(file, size))
        file.seek(size, 1)
        return None
    if inner != _TEXT:
        raise ValueError("a list of lists")
    for _ in range(n):
        if not (length := file.read(8)):
            raise ValueError("cut off")
        file.seek(int.from_bytes(length, "little"), 1)
    return None


def _text(file: BinaryIO) -> str:
    n = _number(file, "<Q")
    if n > _MAX_BYTES:
        file.seek(n, 1)
        return ""
    return _bytes(file, n).decode("utf-8", "replace")


def _number(file: BinaryIO, form: str) -> Any:
    if not form:
        raise ValueError("an unknown type")
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _bytes(file: BinaryIO, n: int) -> bytes:
    data = file.read(n)
    if len(data) < n:
        raise ValueError("cut off")
    return data


def _size(path: Path) -> int:
    """Of all parts, where the file is one of several."""
    try:
        return sum(Path(part).stat().st_size for part in splits.parts(str(path)))
    except OSError:
        return 0
