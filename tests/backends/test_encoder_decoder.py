"""T5: the encoder reads, the decoder answers. The oracle is transformers with the same random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from answers import ask, score

from codels.backends import Backend, Embedder, LoadSpec
from codels.backends.llamatext import Pieces
from codels.cancel import CancelToken
from codels.errors import MarkerMissing, ModelError, PromptTooLong
from codels.generation import BOS, Part, Prompt, SamplingParams, Step
from codels.prompt import Order, Place, render
from codels.prompt.budget import Window
from codels.prompt.families import FAMILIES

native = pytest.importorskip("codels.backends.llamanative", exc_type=ImportError)
tiny_t5 = pytest.importorskip("tiny_t5", reason="the test writes a model with the gguf package", exc_type=ImportError)
llamaencoder = pytest.importorskip("codels.backends.llamaencoder", exc_type=ImportError)

Opened = Callable[[LoadSpec], Backend]

MARKERS = ("<extra_id_0>", "<extra_id_1>", "</s>")
OPENING = Part("<extra_id_0>", special=True)
PROMPT = Prompt((Part("def f(x):\n    return "), OPENING, Part("\n\n\nf(1)\n", joined=True)), opening=OPENING.text)
NOISE = 0.05
"""Of a log-probability: the decoder's keys and values are kept in half precision."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written: Path = tiny_t5.write(tmp_path_factory.mktemp("t5") / "t5.gguf")
    return written


@pytest.fixture
def open_t5(opened: Opened, path: Path) -> Callable[..., Backend]:
    return lambda beams=1: opened(LoadSpec("llama.cpp", str(path), 0, 1, MARKERS, beams=beams))


@pytest.fixture
def model(open_t5: Callable[..., Backend]) -> Backend:
    return open_t5()


def _with(text: str) -> Prompt:
    return replace(PROMPT, parts=(Part(text), *PROMPT.parts[1:]))


TEXTS = ["def f(x):\n    return ", "", "x", "x = 1\n" * 35, "naïve 日本 😀", "<extra_id_0> and </s>", "\t\n \n"]


@pytest.fixture(scope="module")
def oracle() -> Callable[[list[int], int], tuple[list[int], list[float]]]:
    for library in ("torch", "transformers"):
        pytest.importorskip(library, reason="the oracle is transformers: pip install -r models/tiny/requirements.txt")
    from t5_oracle import greedy

    return greedy()


@pytest.mark.parametrize("text", TEXTS)
def test_it_says_what_transformers_says_and_as_surely(model: Backend, oracle: Callable[..., Any], text: str) -> None:
    prompt = _with(text)
    heard = sum(ask(model, prompt, SamplingParams(24)).steps, Step())
    read = [tiny_t5.BEGIN, *(token for part in prompt.parts for token in model.tokenize(part)), tiny_t5.END]
    tokens, logprobs = oracle(read, len(heard.token_ids))
    assert list(heard.token_ids) == tokens
    assert list(heard.logprobs) == pytest.approx(logprobs, abs=NOISE)


@pytest.mark.usefixtures("oracle")
def test_it_finds_a_text_as_likely_as_transformers_does(model: Backend) -> None:
    from t5_oracle import scored

    for text in ("x + 1", "", "日本" * 30):
        read = [tiny_t5.BEGIN, *(token for part in PROMPT.parts for token in model.tokenize(part)), tiny_t5.END]
        *wanted, end = scored(read, model.tokenize(Part(text)))
        found = score(model, PROMPT, text)
        assert found.logprobs == pytest.approx(wanted, rel=0.02, abs=NOISE)
        assert found.end == pytest.approx(end, rel=0.02, abs=NOISE)
    assert ask(model, PROMPT).stats.n_reused > 2


@pytest.mark.usefixtures("oracle")
def test_its_encoder_turns_texts_into_vectors(model: Backend) -> None:
    from t5_oracle import embedded

    ask(model, PROMPT)
    texts = ("def f(x):", "", "x = 1\n" * 35)
    found = cast(Embedder, model).embed(texts, CancelToken())
    for text, vector in zip(texts, found, strict=True):
        read = [tiny_t5.BEGIN, *model.tokenize(Part(text)), tiny_t5.END]
        assert vector == pytest.approx(embedded(read), abs=1e-3)
    assert ask(model, PROMPT).stats.n_reused > 2


def test_an_encoder_alone_makes_the_same_vectors_and_writes_nothing(
    model: Backend, opened: Opened, tmp_path: Path
) -> None:
    path = tiny_t5.write(tmp_path / "encoder.gguf", is_encoder=True)
    alone = opened(LoadSpec("llama.cpp", str(path), markers=MARKERS))
    texts = ("def f(x):", "", "x = 1\n" * 35)
    wanted = cast(Embedder, model).embed(texts, CancelToken())
    for found, vector in zip(cast(Embedder, alone).embed(texts, CancelToken()), wanted, strict=True):
        assert found == pytest.approx(vector, abs=1e-3)
    assert not alone.info.can_score
    with pytest.raises(ModelError, match="turns text into vectors"):
        ask(alone, PROMPT)


def test_an_empty_prompt_is_answered(model: Backend) -> None:
    assert ask(model, Prompt(()), SamplingParams(4)).stats.n_prompt == 3


def test_the_same_prompt_again_is_not_encoded_again(model: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = _counted(monkeypatch)
    first, again = ask(model, PROMPT), ask(model, PROMPT)
    assert (again.text, len(encoded)) == (first.text, 1)
    assert first.stats.n_reused == 0
    assert again.stats.n_reused == again.stats.n_prompt - 1
    longer = ask(model, _with("def f(x):\n    return x"))
    assert (longer.stats.n_reused, len(encoded)) == (0, 2)
    assert ask(model, PROMPT).text == first.text


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    encoded: list[object] = []
    encode = native.llama.llama_encode
    monkeypatch.setattr(native.llama, "llama_encode", lambda *a: (encoded.append(a), encode(*a))[1])
    return encoded


def test_every_answer_depends_on_its_own_prompt_alone(open_t5: Callable[..., Backend]) -> None:
    model, fresh = open_t5(), {text: ask(open_t5(), _with(text)).text for text in TEXTS}
    for text in [*TEXTS, *reversed(TEXTS)]:
        assert ask(model, _with(text)).text == fresh[text]


@pytest.mark.parametrize("heal", ["ret", "\n    ", "日", "x" * 40])
def test_healing_is_spelled_by_the_decoder(model: Backend, heal: str) -> None:
    heard = sum(ask(model, replace(PROMPT, heal=heal), SamplingParams(8)).steps, Step())
    assert bytes(_byte(token) for token in heard.token_ids[: len(heal.encode())]) == heal.encode()
    assert not heard.text.startswith(heal)


def _byte(token: int) -> int:
    from tiny_gguf import byte_letters, letter_bytes

    return letter_bytes()[byte_letters()[token]]


def test_the_answer_ends_at_the_family_s_marker(opened: Opened, tmp_path: Path) -> None:
    """CodeT5+'s answers stand between its first two sentinels; what the render says is what reaches both sides."""
    family = FAMILIES["codet5p"]
    prompt = render(family, Order.PSM, Window("def f(x):\n    return so", "\n\n"), Place())
    assert (prompt.opening, prompt.heal, prompt.stop) == ("<extra_id_0>", " so", family.stop)
    model = opened(LoadSpec("llama.cpp", str(tiny_t5.write(tmp_path / "t5.gguf")), markers=family.all_markers))
    assert set(model.info.markers) == set(family.all_markers)
    heard = ask(model, prompt, SamplingParams(64))
    *said, last = [token for step in heard.steps for token in step.token_ids]
    assert heard.stats.why_stopped == "limit" or last in (tiny_t5.CLOSING, tiny_t5.END)
    assert tiny_t5.CLOSING not in said


def test_cancelled_inside_the_encoder(model: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cancel = ask(model, PROMPT), CancelToken()
    encode = native.llama.llama_encode

    def encode_and_cancel(*arguments: Any) -> int:
        cancel.cancel()
        answer: int = encode(*arguments)
        assert answer == 2, "the native abort flag was not heard"
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(native.llama, "llama_encode", encode_and_cancel)
        heard = ask(model, _with("x" * 99), cancel=cancel)
    assert (heard.text, len(heard.steps), heard.stats.why_stopped) == ("", 1, "cancelled")
    assert ask(model, PROMPT).text == whole.text


@pytest.mark.parametrize("n", [0, 1, 5])
def test_cancelled_between_tokens(model: Backend, n: int) -> None:
    whole = ask(model, PROMPT)
    heard = ask(model, PROMPT, cancel_after=n)
    assert (heard.stats.why_stopped, len(heard.steps)) == ("cancelled", n + 1)
    assert ask(model, PROMPT).text == whole.text


def test_limits_and_stops(model: Backend) -> None:
    whole = ask(model, PROMPT)
    assert (whole.stats.n_decoded, whole.stats.why_stopped) == (24, "limit")
    stopped = ask(model, PROMPT, SamplingParams(24, stop=(whole.text[3:5],)))
    assert (stopped.text, stopped.stats.why_stopped) == (whole.text[: whole.text.index(whole.text[3:5])], "stop")
    assert ask(model, _with("y" * 150), SamplingParams(200, max_ms=1)).stats.why_stopped == "time"
    assert ask(model, PROMPT, SamplingParams(8, grammar="root ::= [a-z]{4}")).text.isalpha()


def test_the_longest_prompt_is_read_whole_and_a_longer_one_refused(model: Backend) -> None:
    n_window = model.info.context_window
    n_around = len(PROMPT.parts[-1].text) + 3  # the opening, and what stands around all
    heard = ask(model, _with("x" * (n_window - n_around)), SamplingParams(4))
    assert heard.stats.n_prompt == n_window + 2
    with pytest.raises(PromptTooLong) as caught:
        ask(model, _with("x" * (n_window - n_around + 1)), SamplingParams(4))
    assert (caught.value.n_prompt, caught.value.n_limit) == (n_window + 1, n_window)
    assert ask(model, PROMPT).text


def test_an_answer_fills_the_decoder_s_window_and_no_more(model: Backend) -> None:
    with pytest.raises(PromptTooLong):
        ask(model, PROMPT, SamplingParams(model.info.context_window))
    heard = ask(model, PROMPT, SamplingParams(model.info.context_window - 2))
    assert heard.stats.why_stopped in ("limit", "end")


def test_beams_see_what_was_encoded(open_t5: Callable[..., Backend]) -> None:
    def logprob(model: Backend) -> float:
        said = sum(ask(model, PROMPT, SamplingParams(40)).steps, Step())
        return said.logprob(said.text.find("\n") + 1 or len(said.text))

    searching = open_t5(beams=4)
    assert logprob(searching) >= logprob(open_t5()) - NOISE
    assert ask(searching, PROMPT).text == ask(searching, PROMPT).text


def test_text_is_never_a_marker_and_a_missing_one_is_named(model: Backend) -> None:
    assert len(model.tokenize(Part("<s>"))) == 3
    assert model.tokenize(BOS) == [tiny_t5.BEGIN]
    with pytest.raises(MarkerMissing):
        ask(model, replace(PROMPT, opening="<extra_id_99>"))


def test_sentencepiece_s_unigrams(opened: Opened, tmp_path: Path) -> None:
    """Blanks go with words, and line ends are no tokens: the encoder is shown them instead of healing."""
    path = tiny_t5.write(tmp_path / "t5.gguf", is_unigram=True)
    model = opened(LoadSpec("llama.cpp", str(path), markers=MARKERS))
    assert set(model.info.markers) == set(MARKERS)
    assert model.tokenize(Part("def f")) == model.tokenize(Part("  def  f")) == [2, 4]
    heard = ask(model, replace(PROMPT, parts=(Part("def f"), *PROMPT.parts[1:]), heal=" return"), SamplingParams(8))
    assert heard.steps[0].token_ids == (3,)
    shown = ask(model, _with("def f\n"), SamplingParams(8))
    assert ask(model, replace(_with("def f"), heal="\n"), SamplingParams(8)).text == shown.text


UNIGRAMS = Pieces([b"", b" foo", b" ", b"bar", b"b", b"\xc3"])
"""As SentencePiece has them: no line ends, and not every byte."""

HEALED = [
    # what is spelled again, what the encoder reads before the marker, what is left to spell
    (" foo", "x", " foo"),
    ("ba", "x", "ba"),  # `bar` begins so
    (" bar", "x", " bar"),
    ("\n", "x\n", ""),
    ("foo", "xfoo", ""),
    (" foo\n", "x foo\n", ""),
    ("", "x", ""),
]


@pytest.mark.parametrize(("heal", "read", "left"), HEALED)
def test_what_the_vocabulary_cannot_spell_the_encoder_is_shown(heal: str, read: str, left: str) -> None:
    prompt = Prompt((Part("x"), OPENING, Part("y")), heal, opening=OPENING.text)
    found = llamaencoder.spellable(prompt, UNIGRAMS)
    assert found == Prompt((Part(read), OPENING, Part("y")), left, opening=OPENING.text)


def test_what_cannot_be_spelled_after_no_text_is_a_text_of_its_own() -> None:
    assert llamaencoder.spellable(Prompt((OPENING,), "\n", opening=OPENING.text), UNIGRAMS).parts == (
        Part("\n"),
        OPENING,
    )
    assert llamaencoder.spellable(Prompt((OPENING,), "\n"), UNIGRAMS).parts == (OPENING, Part("\n"))
