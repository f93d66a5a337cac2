"""LoRA adapters: the same as their product merged into the weights; what is none is named with the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from answers import ask

from codels.backends import Adapter, Backend, LoadSpec
from codels.errors import ModelError
from codels.generation import SamplingParams, Step

pytest.importorskip("codels.backends.llamanative", exc_type=ImportError)
tiny_gguf = pytest.importorskip(
    "tiny_gguf", reason="the test writes models with the gguf package", exc_type=ImportError
)
tiny_lora = pytest.importorskip(
    "tiny_lora", reason="the test writes models with the gguf package", exc_type=ImportError
)

Opened = Callable[[LoadSpec], Backend]

TEXTS = ("def f(x):", "", "import os\n" * 9)
NOISE = 1e-2
"""Of a log-probability; those of these random weights are far apart."""


@pytest.fixture
def open_(opened: Opened, tmp_path: Path) -> Callable[..., Backend]:
    """A model with adapters, or one with other weights."""

    def open_(*adapters: Adapter, added: object = None, beams: int = 1) -> Backend:
        path = tiny_gguf.write(tmp_path / f"{len(list(tmp_path.iterdir()))}.gguf", {}, added=added)
        return opened(LoadSpec("llama.cpp", str(path), adapters=adapters, beams=beams))

    return open_


def _said(model: Backend, text: str) -> Step:
    return sum(ask(model, text, SamplingParams(20)).steps, Step())


@pytest.mark.parametrize("scale", [1.0, 0.5, -2.0])
@pytest.mark.parametrize("beams", [1, 3])
def test_an_adapter_is_its_product_merged(
    open_: Callable[..., Backend], tmp_path: Path, scale: float, beams: int
) -> None:
    pairs = tiny_lora.pairs()
    path = tiny_lora.write(tmp_path / "lora.gguf", pairs)
    adapted = open_(Adapter(str(path), scale), beams=beams)
    merged = open_(added=tiny_lora.merged(pairs, scale), beams=beams)
    plain = open_(beams=beams)
    for text in TEXTS:
        wanted, found = _said(merged, text), _said(adapted, text)
        assert found.token_ids == wanted.token_ids
        assert found.logprobs == pytest.approx(wanted.logprobs, abs=NOISE)
    assert [_said(plain, text).token_ids for text in TEXTS] != [_said(adapted, text).token_ids for text in TEXTS]


def test_adapters_add_up(open_: Callable[..., Backend], tmp_path: Path) -> None:
    """The second one changes other weights, one of them again."""
    first, second = tiny_lora.pairs(1), tiny_lora.pairs(2, ("blk.0.attn_q.weight", "blk.0.ffn_up.weight"))
    paths = [tiny_lora.write(tmp_path / f"{n}.lora", found) for n, found in enumerate((first, second))]
    adapted = open_(Adapter(str(paths[0])), Adapter(str(paths[1]), 0.25))
    one, other = tiny_lora.merged(first), tiny_lora.merged(second, 0.25)
    both = {name: one.get(name, 0) + other.get(name, 0) for name in one | other}
    merged = open_(added=both)
    for text in TEXTS:
        assert _said(adapted, text).token_ids == _said(merged, text).token_ids


def test_a_file_that_adds_nothing_changes_nothing(open_: Callable[..., Backend], tmp_path: Path) -> None:
    pairs = {name: (a, 0 * b) for name, (a, b) in tiny_lora.pairs().items()}
    adapted = open_(Adapter(str(tiny_lora.write(tmp_path / "lora.gguf", pairs))))
    assert _said(adapted, TEXTS[0]).token_ids == _said(open_(), TEXTS[0]).token_ids


def _model(folder: Path) -> Path:
    return Path(tiny_gguf.write(folder / "a.gguf", {}))


def _bytes(data: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "a.gguf").write_bytes(data)
        return folder / "a.gguf"

    return make


def _lora(
    architecture: str = "llama", width: int = 32, names: tuple[str, ...] = (), **fields: str
) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        found = tiny_lora.pairs(1, names or tiny_lora.NAMES, width)
        return Path(tiny_lora.write(folder / "a.gguf", found, architecture, **fields))

    return make


def _cut(folder: Path) -> Path:
    path = _lora()(folder)
    path.write_bytes(path.read_bytes()[:-100])
    return path


BAD = [
    # the file, words of the error
    (lambda folder: folder / "nowhere.gguf", "does not exist; correct its path"),
    (lambda folder: folder, "does not exist; correct its path"),
    (_bytes(b""), "cannot be used as an adapter of this model"),
    (_bytes(b"PK\x03\x04" * 99), "cannot be used as an adapter of this model"),
    (_bytes(b"GGUF" + b"\xff" * 99), "cannot be used as an adapter of this model"),
    (_model, "expect general.type to be 'adapter'"),
    (_lora(adapter_type="control"), "expect adapter.type to be 'lora'"),
    (_lora("qwen2"), "model arch and LoRA arch mismatch"),
    (_lora(width=16), "incorrect shape"),
    (_lora(names=("blk.7.attn_q.weight",)), "does not exist in base model"),
    (_cut, "not within the file bounds"),
    (_lora(invoked_by="go"), "is an activated LoRA"),
]


@pytest.mark.parametrize(("make", "words"), BAD, ids=range(len(BAD)))
def test_what_is_no_adapter_of_the_model(
    open_: Callable[..., Backend], tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(ModelError) as caught:
        open_(Adapter(str(path)))
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "card" in str(caught.value), "there is no remedy"
    assert _said(open_(), "x").token_ids
