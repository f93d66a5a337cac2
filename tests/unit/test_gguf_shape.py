"""The shape of a GGUF file, from its first bytes."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import pytest

from codels.backends import ggufshape
from codels.backends.ggufshape import FileShape
from codels.registry import store

LLAMA = {
    "general.architecture": "llama",
    "llama.block_count": 4,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 8,
    "llama.context_length": 2048,
    "llama.vocab_size": 100,
}

ROWS: list[tuple[dict[str, Any], FileShape]] = [
    ({}, FileShape(9)),
    (LLAMA, FileShape(9, 4, 4 * 8 * 16, (8, 8), 8, 2048, 100)),
    ({**LLAMA, "llama.attention.head_count_kv": 2}, FileShape(9, 4, 4 * 2 * 16, (8, 8), 8, 2048, 100)),
    ({**LLAMA, "llama.attention.head_count_kv": (2, 1, 0, 1)}, FileShape(9, 4, 4 * 16, (8, 8), 8, 2048, 100)),
    ({**LLAMA, "llama.attention.key_length": 32}, FileShape(9, 4, 4 * 8 * 40, (32, 8), 8, 2048, 100)),
    ({**LLAMA, "llama.attention.head_count_kv": None}, FileShape(9, 4, 4 * 8 * 16, (8, 8), 8, 2048, 100)),
    ({**LLAMA, "llama.block_count": "four"}, FileShape(9, 0, 0, (8, 8), 8, 2048, 100)),
    ({"general.architecture": "mamba", "mamba.block_count": 24}, FileShape(9, 24)),
    ({"llama.block_count": 4}, FileShape(9)),
]


@pytest.mark.parametrize(("values", "shape"), ROWS)
def test_a_shape(values: dict[str, Any], shape: FileShape) -> None:
    assert ggufshape.shape(values, 9) == shape


def test_the_built_in_models_shape_is_its_cards() -> None:
    card = store.find("codels-tiny")
    path = store.locate(card)
    shape = ggufshape.read(path)
    assert (shape.size_bytes, shape.layers, shape.trained_window) == (path.stat().st_size, card.layers, 1024)
    assert (shape.kv_width, shape.head_dims) == (2 * card.layers * card.kv_heads * card.head_dim, (64, 64))


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _file(keys: list[tuple[str, bytes]]) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)) + b"".join(_text(key) + value for key, value in keys)


def test_a_vocabulary_that_stands_first_is_stepped_over(tmp_path: Path) -> None:
    words = struct.pack("<IIQ", 9, 8, 3) + b"".join(map(_text, ("a", "bc", "")))
    scores = struct.pack("<IIQ3f", 9, 6, 3, 1, 2, 3)
    numbers = [(key, struct.pack("<II", 4, value)) for key, value in LLAMA.items() if isinstance(value, int)]
    keys = [("tokenizer.ggml.tokens", words), ("tokenizer.ggml.scores", scores)]
    architecture = ("general.architecture", struct.pack("<I", 8) + _text("llama"))
    path = tmp_path / "odd.gguf"
    path.write_bytes(_file([*keys, architecture, *numbers]))
    assert ggufshape.read(path) == FileShape(path.stat().st_size, 4, 4 * 8 * 16, (8, 8), 8, 2048, 100)


def test_the_parts_of_a_split_model_are_summed(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"m-{number:05}-of-00003.gguf").write_bytes(b"GGUF" * number)
    (tmp_path / "m-00001-of-00002.gguf").write_bytes(b"GGUF" * 100)
    assert ggufshape.read(tmp_path / "m-00001-of-00003.gguf").size_bytes == 24


def test_damaged_files_have_a_size_alone(tmp_path: Path) -> None:
    whole, rng, path = (
        store.locate(store.find("codels-tiny")).read_bytes()[:3000],
        random.Random(0),
        tmp_path / "a.gguf",
    )
    for _ in range(300):
        data = bytearray(whole[: rng.randrange(len(whole))])
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        assert ggufshape.read(path).size_bytes == len(data)
    assert ggufshape.read(tmp_path / "nowhere.gguf") == FileShape(0)
