"""Texts to vectors: pooled as the file says, of norm 1, whatever their order and company. The oracles are numpy."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from answers import Open, ask

from codels.backends import Adapter, Backend, Embedder, LoadSpec
from codels.cancel import CancelToken
from codels.errors import Cancelled, ModelError, PromptTooLong
from codels.generation import Part, Prompt, SamplingParams

native = pytest.importorskip("codels.backends.llamanative", exc_type=ImportError)
gguf = pytest.importorskip("gguf", reason="the test writes models with the gguf package")

import tiny_bert  # noqa: E402
import tiny_gguf  # noqa: E402
import tiny_lora  # noqa: E402
from llama_oracle import states  # noqa: E402

from codels.backends import llamaembedding  # noqa: E402

Opened = Callable[[LoadSpec], Backend]
Vectors = Sequence[Sequence[float]]

NOISE = 2e-3
"""The library's GELU is a table in half precision."""

WORDS = ("abc def", "a", "", "  ", "j i h g f e d c b a", "abcdefghij " * 6)
POOLED = [
    # what the file says, and the vector of hidden states
    (gguf.PoolingType.MEAN, lambda x: x.mean(0)),
    (gguf.PoolingType.CLS, lambda x: x[0]),
    (gguf.PoolingType.LAST, lambda x: x[-1]),
    (gguf.PoolingType.NONE, lambda x: x.mean(0)),
    (None, lambda x: x.mean(0)),
]


def embed(model: Backend, *texts: str, cancel: CancelToken | None = None) -> Vectors:
    return cast(Embedder, model).embed(texts, cancel or CancelToken())


@pytest.fixture
def bert(opened: Opened, tmp_path: Path) -> Backend:
    return opened(LoadSpec("llama.cpp", str(tiny_bert.write(tmp_path / "bert.gguf", gguf.PoolingType.MEAN))))


@pytest.mark.parametrize(("pooling", "pooled"), POOLED)
def test_a_bert_against_numpy(opened: Opened, tmp_path: Path, pooling: Any, pooled: Callable[..., Any]) -> None:
    model = opened(LoadSpec("llama.cpp", str(tiny_bert.write(tmp_path / "bert.gguf", pooling))))
    weights = tiny_bert.weights()
    for text, vector in zip(WORDS, embed(model, *WORDS), strict=True):
        _check(vector, pooled(tiny_bert.states(weights, tiny_bert.tokens(text))))


@pytest.mark.parametrize(("pooling", "pooled"), POOLED)
def test_a_llama_against_numpy(opened: Opened, tmp_path: Path, pooling: Any, pooled: Callable[..., Any]) -> None:
    """Its tokens are bytes; it can both write and embed."""
    model = opened(LoadSpec("llama.cpp", str(tiny_gguf.write(tmp_path / "m.gguf", {}, pooling=pooling))))
    texts = ("def f(x):", "x", "import os\n" * 20)
    for text, vector in zip(texts, embed(model, *texts), strict=True):
        _check(vector, pooled(states(model.tokenize(Part(text)), 257)))
    assert ask(model, "def f(x):").text


def _check(vector: Sequence[float], wanted: Any) -> None:
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)
    assert vector == pytest.approx(wanted / np.linalg.norm(wanted), abs=NOISE)


@pytest.mark.parametrize("n", [1, 2, 16, 17, 40])
def test_neither_order_nor_company_matters(bert: Backend, n: int) -> None:
    rng = random.Random(n)
    texts = ["".join(rng.choices("abcdefghij ", k=rng.randrange(60))) for _ in range(n)]
    alone = {text: embed(bert, text)[0] for text in texts}
    for _ in range(2):
        for text, vector in zip(texts, embed(bert, *texts), strict=True):
            assert vector == pytest.approx(alone[text], abs=NOISE)
        rng.shuffle(texts)


def test_texts_that_fill_many_calls(bert: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = embed(bert, *WORDS)
    sizes: list[int] = []
    encode = native.llama.llama_encode
    monkeypatch.setattr(native.llama, "llama_encode", lambda c, b: (sizes.append(b.n_tokens), encode(c, b))[1])
    monkeypatch.setattr(llamaembedding, "BATCH_TOKENS", 70)
    for vector, wanted in zip(embed(bert, *WORDS), whole, strict=True):
        assert vector == pytest.approx(wanted, abs=NOISE)
    assert sizes == [8 + 3 + 2 + 2 + 12, 62]


def test_no_texts_have_no_vectors(bert: Backend) -> None:
    assert embed(bert) == ()


def test_a_text_that_is_too_long_is_refused_with_both_numbers(bert: Backend) -> None:
    longest = "abcdefghij" * 9 + "abcd"
    assert len(tiny_bert.tokens(longest)) == bert.info.context_window == 96
    assert embed(bert, longest)
    with pytest.raises(PromptTooLong) as caught:
        embed(bert, "a", longest + "a")
    assert (caught.value.n_prompt, caught.value.n_limit) == (97, 96)


def test_odd_texts(bert: Backend, opened: Opened, tmp_path: Path) -> None:
    model = opened(LoadSpec("llama.cpp", str(tiny_gguf.write(tmp_path / "m.gguf", {}))))
    for text in ("\0", "\ud800", "日本 😀", "[CLS]", "<|end|>", "\r\n\t"):
        for vector in (*embed(bert, text), *embed(model, text)):
            assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)
    assert embed(bert, "zzz [SEP]") != embed(bert, "zzz")


@pytest.mark.parametrize("n_call", [1, 2])
def test_cancelled_inside_a_call(bert: Backend, monkeypatch: pytest.MonkeyPatch, n_call: int) -> None:
    whole, cancel, answers = embed(bert, *WORDS), CancelToken(), list[int]()
    encode = native.llama.llama_encode

    def encode_and_cancel(*arguments: Any) -> int:
        if len(answers) + 1 == n_call:
            cancel.cancel()
        answers.append(encode(*arguments))
        return answers[-1]

    with monkeypatch.context() as patch:
        patch.setattr(native.llama, "llama_encode", encode_and_cancel)
        patch.setattr(llamaembedding, "BATCH_TOKENS", 70)
        with pytest.raises(Cancelled):
            embed(bert, *WORDS, cancel=cancel)
    assert answers == [0] * (n_call - 1) + [2], "the native abort flag was not heard"
    assert embed(bert, *WORDS) == whole


def test_cancelled_before_it_starts(bert: Backend) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        embed(bert, "a", cancel=cancel)


def test_a_model_for_embeddings_says_that_it_writes_nothing(bert: Backend) -> None:
    with pytest.raises(ModelError, match="turns text into vectors and writes none: choose another model"):
        ask(bert, "a")


def test_a_model_that_ranks_says_so(opened: Opened, tmp_path: Path) -> None:
    model = opened(LoadSpec("llama.cpp", str(tiny_gguf.write(tmp_path / "m.gguf", {}, pooling=gguf.PoolingType.RANK))))
    with pytest.raises(ModelError, match="ranks texts"):
        embed(model, "a")


def test_adapters_change_vectors_too(opened: Opened, tmp_path: Path) -> None:
    pairs = tiny_lora.pairs()
    lora = tiny_lora.write(tmp_path / "lora.gguf", pairs)
    plain = str(tiny_gguf.write(tmp_path / "plain.gguf", {}))
    merged = opened(LoadSpec("llama.cpp", str(tiny_gguf.write(tmp_path / "m.gguf", {}, added=tiny_lora.merged(pairs)))))
    adapted = opened(LoadSpec("llama.cpp", plain, adapters=(Adapter(str(lora)),)))
    (found,), (wanted,) = embed(adapted, "def f(x):"), embed(merged, "def f(x):")
    assert found == pytest.approx(wanted, abs=NOISE)
    assert found != pytest.approx(embed(opened(LoadSpec("llama.cpp", plain)), "def f(x):")[0], abs=0.05)


@pytest.mark.model
def test_completion_goes_on_as_if_nothing_had_been(open_llama: Open) -> None:
    model = open_llama()
    whole = ask(model)
    steps = iter(model.generate(Prompt((Part("x = "),)), SamplingParams(5), CancelToken()))
    next(steps)
    embed(model, *["import os"] * 3)
    assert sum(len(step.token_ids) for step in steps) == 4
    embed(model, "import os")
    again = ask(model)
    assert (again.text, again.stats.n_reused) == (whole.text, again.stats.n_prompt - 1)


def test_no_memory_is_said(bert: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native.llama, "llama_init_from_model", lambda *_arguments: None)
    with pytest.raises(ModelError, match="no memory to embed texts of up to 512 tokens"):
        embed(bert, "a")
