"""Exported weights that go on learning: what does not fit is named, and no file ends in a traceback."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recipe

MISSING = "the recipe's requirements are not installed: pip install -r models/tiny/requirements.txt"
for library in ("torch", "tokenizers", "safetensors", "gguf"):
    pytest.importorskip(library, reason=MISSING)
export = pytest.importorskip("export")
gguf_file = pytest.importorskip("gguf_file")
gguf_read = pytest.importorskip("gguf_read")
model = pytest.importorskip("model")

DIFFERENCES = [
    ({"layers": 2}, r"block_count 1, not 2"),
    ({"heads": 4}, r"attention.head_count 2, not 4"),
    ({"kv_heads": 2}, r"attention.head_count_kv 1, not 2"),
    ({"d": 64}, r"embedding_length 32, not 64"),
    ({"ff": 512}, r"feed_forward_length 256, not 512"),
    ({"context": 128}, r"context_length 64, not 128"),
    ({"vocabulary": 400}, r"vocab_size 300, not 400"),
    ({"theta": 5e5}, r"rope.freq_base 10000.0, not 500000.0"),
    ({"layers": 3, "d": 64}, r"block_count 1, not 3; embedding_length 32, not 64"),
]


@pytest.fixture(scope="module")
def shape(data: Path) -> Any:
    return recipe.load(data / "toy.toml").shape


@pytest.fixture(scope="module")
def files(data: Path, shape: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`f32.gguf`, `f16.gguf` and `q8_0.gguf` of a toy."""
    folder = tmp_path_factory.mktemp("gguf")
    weights = {name: weight.detach().numpy() for name, weight in model.Llama(shape).state_dict().items()}
    tokens = json.loads((data / "tokenizer.json").read_text("utf-8"))
    for name, form in export.FORMATS.items():
        gguf_file.write(folder / f"{name}.gguf", shape, weights, tokens, form, ("toy", "MIT", {"tokens_seen": "7"}))
    return folder


@pytest.mark.parametrize("name", ["f32", "f16"])
def test_whole_weights_are_read(files: Path, shape: Any, name: str) -> None:
    weights, tokens, n_tokens = gguf_read.read(files / f"{name}.gguf", shape)
    assert set(weights) == set(model.Llama(shape).state_dict())
    assert (len(tokens), n_tokens) == (300, 7)


@pytest.mark.parametrize(("change", "said"), DIFFERENCES)
def test_another_shape_is_named(files: Path, shape: Any, change: dict[str, Any], said: str) -> None:
    with pytest.raises(SystemExit, match=rf"another shape than the configuration \(.*{said}.*--config"):
        gguf_read.read(files / "f16.gguf", dataclasses.replace(shape, **change))


def test_rounded_weights_are_refused(files: Path, shape: Any) -> None:
    with pytest.raises(SystemExit, match=r"q8_0\.gguf holds Q8_0 weights.*pass the F16 or F32 file"):
        gguf_read.read(files / "q8_0.gguf", shape)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"", "is no GGUF file"), (b"PK" * 99, "is no GGUF file"), (b"GGUF", "is torn")],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, shape: Any, content: bytes | None, said: str) -> None:
    path = tmp_path / "weights.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match=rf"weights\.gguf {said}"):
        gguf_read.read(path, shape)


def test_a_torn_file_is_named_wherever_it_ends(files: Path, tmp_path: Path, shape: Any) -> None:
    whole = (files / "f16.gguf").read_bytes()
    path = tmp_path / "torn.gguf"
    for n_bytes in [*range(8, 2000, 61), *np.linspace(2000, len(whole) - 64, 40, dtype=int)]:
        path.write_bytes(whole[:n_bytes])
        with pytest.raises(SystemExit, match=r"torn\.gguf is torn"):
            gguf_read.read(path, shape)


def test_rows_go_there_and_back() -> None:
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert gguf_read.halved(gguf_file.interleaved(rows, 2), 2).tolist() == rows.tolist()
