"""Models of random weights in the shapes of real ones: how fast would one be here, before its gigabytes are fetched?

What they say is nonsense; what they cost is what the real ones do. Their vocabulary is the built-in model's, filled up.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from codels.backends import ggufshape
from codels.errors import UserError
from codels.registry import store
from codels.sizes import size_text

_F32, _Q4_0, _Q8_0 = 0, 2, 8
"""`ggml_type` of ggml.h."""

_U32, _F32_VALUE, _TEXT, _LIST = 4, 6, 8, 9
"""`gguf_metadata_value_type` of ggml's docs/gguf.md."""

_BLOCK = 32
_ALIGNMENT = 32
_TILE_BLOCKS = 65_537
"""Of random weights, written again and again: a prime number, so that no two rows are the same."""


@dataclass(frozen=True, slots=True)
class _Quantisation:
    kind: int
    block_bytes: int
    scale: float
    """So that the weights of a layer keep the size of what goes through."""


QUANTISATIONS = {"Q8_0": _Quantisation(_Q8_0, 34, 0.0003), "Q4_0": _Quantisation(_Q4_0, 18, 0.005)}


@dataclass(frozen=True, slots=True)
class _Shape:
    """Of Qwen2.5-Coder (its config.json files); `is_tied`: one matrix is the vocabulary's at both ends."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    inner: int
    vocabulary: int = 151_936
    is_tied: bool = True

    @property
    def kv_width(self) -> int:
        return self.width // self.heads * self.kv_heads


SHAPES = {
    "0.5b": _Shape(24, 896, 14, 2, 4864),
    "1.5b": _Shape(28, 1536, 12, 2, 8960),
    "3b": _Shape(36, 2048, 16, 2, 11_008),
    "7b": _Shape(28, 3584, 28, 4, 18_944, 152_064, is_tied=False),
}

Tensor = tuple[str, tuple[int, ...], int]
"""Name, dimensions (columns first, as GGUF has them), `ggml_type`."""


@contextmanager
def written(name: str) -> Iterator[Path]:
    """The file of a shape such as "7b" or "7b:Q4_0", for as long as it is needed. Raises `UserError`."""
    size, _, quantisation = name.partition(":")
    shape, weights = SHAPES.get(size.lower()), QUANTISATIONS.get(quantisation.upper() or "Q8_0")
    if not shape or not weights:
        known = f"{', '.join(SHAPES)}, with :{' or :'.join(QUANTISATIONS)} behind them"
        raise UserError(f"there is no shape {name!r:.40}; known are {known}")
    with tempfile.TemporaryDirectory(prefix="codels-bench-") as folder:
        need = sum(_size(tensor, weights) for tensor in _tensors(shape, weights))
        free = shutil.disk_usage(folder).free
        if need > 0.95 * free:
            raise UserError(f"{folder} has {size_text(free)} free, {size_text(need)} are needed: set TMPDIR")
        path = Path(folder) / f"random-{size.lower()}-{quantisation.upper() or 'Q8_0'}.gguf"
        with path.open("wb") as file:
            write(file, shape, weights)
        yield path


def write(file: BinaryIO, shape: _Shape, weights: _Quantisation) -> None:
    tensors = list(_tensors(shape, weights))
    entries = [*_described(shape), *_vocabulary(shape.vocabulary)]
    file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries))
    offset = 0
    for name, dims, kind in tensors:
        file.write(_text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset))
        offset += _padded(_size((name, dims, kind), weights))
    file.write(bytes(-file.tell() % _ALIGNMENT))
    tile = _tile(weights)
    for tensor in tensors:
        size = _size(tensor, weights)
        _fill(file, tile if tensor[2] != _F32 else struct.pack("<f", 1.0) * 1024, size)
        file.write(bytes(_padded(size) - size))


def _tensors(shape: _Shape, weights: _Quantisation) -> Iterator[Tensor]:
    width, kind = shape.width, weights.kind
    yield "token_embd.weight", (width, shape.vocabulary), kind
    yield "output_norm.weight", (width,), _F32
    if not shape.is_tied:
        yield "output.weight", (width, shape.vocabulary), kind
    for number in range(shape.layers):
        for name in ("attn_norm", "ffn_norm"):
            yield f"blk.{number}.{name}.weight", (width,), _F32
        for name, n_out in (("attn_q", width), ("attn_k", shape.kv_width), ("attn_v", shape.kv_width)):
            yield f"blk.{number}.{name}.weight", (width, n_out), kind
            yield f"blk.{number}.{name}.bias", (n_out,), _F32
        yield f"blk.{number}.attn_output.weight", (width, width), kind
        for name, dims in (
            ("gate", (width, shape.inner)),
            ("up", (width, shape.inner)),
            ("down", (shape.inner, width)),
        ):
            yield f"blk.{number}.ffn_{name}.weight", dims, kind


def _size(tensor: Tensor, weights: _Quantisation) -> int:
    _, dims, kind = tensor
    n = dims[0] * (dims[1] if len(dims) > 1 else 1)
    return 4 * n if kind == _F32 else n // _BLOCK * weights.block_bytes


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _tile(weights: _Quantisation) -> bytes:
    """Blocks: a scale in 16 bits, then random numbers."""
    scale, n = struct.pack("<e", weights.scale), weights.block_bytes - 2
    noise = os.urandom(n * _TILE_BLOCKS)
    return b"".join(scale + noise[start : start + n] for start in range(0, len(noise), n))


def _fill(file: BinaryIO, tile: bytes, size: int) -> None:
    for _ in range(size // len(tile)):
        file.write(tile)
    file.write(tile[: size % len(tile)])


def _described(shape: _Shape) -> Iterator[bytes]:
    yield _text("general.architecture") + struct.pack("<I", _TEXT) + _text("qwen2")
    numbers = {
        "block_count": shape.layers,
        "context_length": 32_768,
        "embedding_length": shape.width,
        "feed_forward_length": shape.inner,
        "attention.head_count": shape.heads,
        "attention.head_count_kv": shape.kv_heads,
        "vocab_size": shape.vocabulary,
    }
    for key, number in numbers.items():
        yield _text(f"qwen2.{key}") + struct.pack("<II", _U32, number)
    for key, value in (("rope.freq_base", 1e6), ("attention.layer_norm_rms_epsilon", 1e-6)):
        yield _text(f"qwen2.{key}") + struct.pack("<If", _F32_VALUE, value)


def _vocabulary(n: int) -> Iterator[bytes]:
    """The built-in model's entries; its tokens filled up to `n` by ones that no text has."""
    data = store.locate(store.find(store.BUILT_IN)).read_bytes()
    for key, raw in ggufshape.entries(BytesIO(data)):
        if not key.startswith("tokenizer."):
            continue
        head = len(_text(key))
        kind, inner, n_there = struct.unpack_from("<IIQ", raw.ljust(head + 16, b"\0"), head)
        is_list = kind == _LIST and key in ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type")
        if not is_list:
            yield raw
            continue
        more = range(n_there, n)
        added = b"".join(_text(f"<filler-{i}>") for i in more) if inner == _TEXT else struct.pack("<i", 1) * len(more)
        yield raw[:head] + struct.pack("<IIQ", kind, inner, n) + raw[head + 16 :] + added


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data
