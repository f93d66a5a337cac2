"""Models of random weights for the benchmark: llama.cpp takes them for what they are in the shape of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from answers import MARKERS, ask

from codels.backends import LoadSpec, ggufshape, llamacpp
from codels.bench import shapes
from codels.bench.shapes import _Shape
from codels.errors import UserError
from codels.generation import Part, SamplingParams

pytest.importorskip("codels.backends.llamanative", exc_type=ImportError)

TINY = _Shape(2, 64, 4, 2, 96, 9003)


@pytest.mark.parametrize("quantisation", ["", ":q8_0", ":Q4_0"])
@pytest.mark.parametrize("is_tied", [True, False])
def test_a_shape_is_a_model_that_runs(monkeypatch: pytest.MonkeyPatch, quantisation: str, is_tied: bool) -> None:
    shape = _Shape(TINY.layers, TINY.width, TINY.heads, TINY.kv_heads, TINY.inner, TINY.vocabulary, is_tied)
    monkeypatch.setitem(shapes.SHAPES, "tiny", shape)
    with shapes.written(f"tiny{quantisation}") as path:
        read = ggufshape.read(path)
        assert (read.layers, read.kv_width, read.trained_window, read.vocabulary) == (2, 2 * 2 * 32, 32_768, 9003)
        model = llamacpp.load(LoadSpec("llama.cpp", str(path), 512, markers=MARKERS), lambda _fraction, _gpu: True)
        assert model._vocabulary.n == 9003
        assert model.info.markers == MARKERS[:-1]
        assert len(model.tokenize(Part("def main():\n    return None\n"))) < 15  # words, not letters
        assert ask(model, "def main():", SamplingParams(8)).stats.n_decoded
        model.close()
    assert not Path(path).exists()


@pytest.mark.parametrize(("name", "gb"), [("0.5b", 0.53), ("0.5b:Q4_0", 0.28), ("7b", 8.1), ("7b:Q4_0", 4.3)])
def test_shapes_have_the_size_of_the_real_ones(name: str, gb: float) -> None:
    size, _, quantisation = name.partition(":")
    weights = shapes.QUANTISATIONS[quantisation or "Q8_0"]
    n_bytes = sum(shapes._size(tensor, weights) for tensor in shapes._tensors(shapes.SHAPES[size], weights))
    assert n_bytes / 1e9 == pytest.approx(gb, rel=0.02)


@pytest.mark.parametrize("name", ["8b", "", "7b:Q3", "x" * 100])
def test_an_unknown_shape_is_named_with_those_that_exist(name: str) -> None:
    with pytest.raises(UserError, match=r"known are 0\.5b, 1\.5b, 3b, 7b, with :Q8_0 or :Q4_0"), shapes.written(name):
        pass


def test_no_room_is_said_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=5))
    with pytest.raises(UserError, match=r"8\.1 GB are needed: set TMPDIR"), shapes.written("7b"):
        pass
