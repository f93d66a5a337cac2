"""What llama.cpp adds to the contract: healing to the byte, cancelling inside a slice, the books of the KV cache."""

from __future__ import annotations

import codecs
import random
from typing import Any

import pytest
from answers import BUILT_IN, CODE, GPU_LAYERS, LONG_CODE, Open, ask, score

from codels import backends
from codels.backends import Backend, LoadSpec, llamacpp
from codels.backends.beams import Beam
from codels.backends.llamacpp import LlamaCpp
from codels.backends.llamatext import Spelling, common_prefix
from codels.cancel import CancelToken
from codels.copyweights import BUCKETS, N_COLUMNS
from codels.errors import ModelError, PromptTooLong
from codels.generation import Part, Prompt, SamplingParams, Step

pytestmark = pytest.mark.model

native = pytest.importorskip("codels.backends.llamanative", exc_type=ImportError)

HEALED = [
    # what the prompt shows, what is spelled again
    ("def f(some_table):\n    return some", "_ta"),
    ("class A:\n    def f(self):\n        return self", "."),
    ('print("hello', " wor"),
    ("def f():\n", "    "),
    ("def f():\n    if x:\n", "        "),
    ("x = max", "("),
    ("x = [", "1"),
    ("s = 'na", "ïve"),
    ("s = '", "日本"),
    ("s = '", "😀"),
    ("import", " "),
    ("", "import os"),
    ("x", "\n\n\n"),
    ("a = b", "'\"\\\t\0"),
    ("# ", "xqzjvw" * 8),
]


@pytest.fixture(params=[1, 3])
def model(open_llama: Open, request: pytest.FixtureRequest) -> LlamaCpp:
    """Greedy, and with beams."""
    opened = open_llama(beams=request.param)
    assert isinstance(opened, LlamaCpp)
    return opened


@pytest.mark.parametrize(("shown", "heal"), HEALED)
def test_decoding_spells_what_was_healed_and_then_says_only_new_text(model: LlamaCpp, shown: str, heal: str) -> None:
    heard = ask(model, Prompt((Part(shown),), heal=heal), SamplingParams(12))
    tokens = [token for step in heard.steps for token in step.token_ids]
    spelled = b"".join(model._vocabulary.pieces.of(token) for token in tokens)
    assert spelled.startswith(heal.encode())
    new = codecs.getincrementaldecoder("utf-8")("replace").decode(spelled[len(heal.encode()) :])
    assert heard.text == (new.lstrip("\n") if heal.endswith("\n") else new)


def test_healing_does_not_count_against_max_tokens(model: LlamaCpp) -> None:
    heard = ask(model, Prompt((Part("# "),), heal="xqzjvw" * 8), SamplingParams(1))
    assert heard.text or heard.stats.why_stopped == "end"
    assert heard.stats.n_decoded > 8


def test_healed_text_leaves_room_in_the_context(model: LlamaCpp) -> None:
    """The longest prompt that is accepted can be decoded to its last token."""
    heal, params = "xqzjvw" * 8, SamplingParams(64)
    n_limit = 512 - params.max_tokens - len(heal)
    heard = ask(model, Prompt((Part("1" * n_limit),), heal), params)
    assert heard.stats.n_prompt == n_limit
    assert heard.stats.n_decoded >= 64 or heard.stats.why_stopped == "end"
    with pytest.raises(PromptTooLong, match=str(n_limit)):
        ask(model, Prompt((Part("1" * (n_limit + 1)),), heal), params)


def _cancelled_in_slice(monkeypatch: pytest.MonkeyPatch, cancel: CancelToken, n: int) -> None:
    """Set the token at the moment when the `n`-th decode call begins: the flag is up before its first node."""
    decode, calls, is_on_cpu = native.llama.llama_decode, 0, GPU_LAYERS == 0 or not backends.devices().gpus

    def decode_and_cancel(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == n:
            cancel.cancel()
        answer: int = decode(*arguments)
        if calls == n and is_on_cpu:
            assert answer == 2, "the native abort flag was not heard"
        return answer

    monkeypatch.setattr(native.llama, "llama_decode", decode_and_cancel)


@pytest.mark.parametrize("n_slice", [1, 2, 3])
def test_cancelled_inside_a_slice_of_the_prefill(
    model: LlamaCpp, monkeypatch: pytest.MonkeyPatch, n_slice: int
) -> None:
    cancel = CancelToken()
    if model.info.is_on_gpu:
        pytest.skip("the native abort works on the CPU only")
    with monkeypatch.context() as patch:
        _cancelled_in_slice(patch, cancel, n_slice)
        heard = ask(model, LONG_CODE, cancel=cancel)
    assert (heard.text, len(heard.steps), heard.stats.why_stopped) == ("", 1, "cancelled")
    again = ask(model, LONG_CODE)
    assert again.stats.n_reused == (n_slice - 1) * llamacpp.N_SLICE
    assert again.stats.n_prompt > 3 * llamacpp.N_SLICE


def test_cancelled_inside_the_decoding_of_a_token(model: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    if model.info.is_on_gpu:
        pytest.skip("the native abort works on the CPU only")
    whole, cancel = ask(model), CancelToken()
    with monkeypatch.context() as patch:
        _cancelled_in_slice(patch, cancel, 4)  # one for the last token of the prompt, then one a token
        heard = ask(model, cancel=cancel)
    said = "".join(step.text for step in whole.steps[:3])
    assert heard.text in ((said,) if model._n_beams == 1 else ("", said))  # a line that is searched for is said whole
    assert heard.stats.why_stopped == "cancelled"
    assert ask(model).text == whole.text


def test_an_old_token_does_not_cancel_the_next_answer(model: LlamaCpp) -> None:
    old = CancelToken()
    whole = ask(model, cancel=old)
    steps = iter(model.generate(Prompt((Part(LONG_CODE),)), SamplingParams(24), CancelToken()))
    next(steps)
    old.cancel()
    *_, last = steps
    assert last.stats.why_stopped in ("limit", "end")
    assert ask(model).text == whole.text


def test_an_evaluation_that_fails_is_an_error_and_harms_nothing(
    model: LlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ask(model)
    with monkeypatch.context() as patch:
        patch.setattr(native.llama, "llama_decode", lambda *_arguments: -3)
        with pytest.raises(ModelError, match="answered -3"):
            ask(model, LONG_CODE)
    assert ask(model).text == whole.text


def test_no_room_in_the_context_ends_the_answer(model: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(native.llama, "llama_decode", lambda *_arguments: 1)
        heard = ask(model)
    assert (heard.text, heard.stats.why_stopped) == ("", "limit")
    assert ask(model).text


def test_candidates_differ_by_their_seed_and_repeat_with_it(model: LlamaCpp) -> None:
    def sampled(seed: int) -> str:
        return ask(model, CODE, SamplingParams(24, temperature=0.8, seed=seed)).text

    sampled(0)  # from here on the prompt is read, in the same pieces each time
    first = [sampled(seed) for seed in range(4)]
    assert len(set(first)) > 1
    assert [sampled(seed) for seed in range(4)] == first


NOISE = 0.05
"""Nats: llama.cpp rounds by the size of a batch and by the machine. Wrong keys and values change far more."""


@pytest.mark.parametrize("seed", [0, 1])
def test_answers_are_those_of_a_fresh_model_whatever_was_asked_and_cancelled_before(
    open_llama: Open, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """The books of the KV cache are right: the same tokens are as likely, up to one that another ties with."""
    model, rng = open_llama(), random.Random(seed)
    ends = rng.sample(range(40, len(LONG_CODE)), 8)
    prompts = [LONG_CODE[max(0, end - rng.choice((100, 400, 1200))) : end] for end in ends]
    expected = {prompt: sum(ask(open_llama(), prompt).steps, Step()) for prompt in prompts}
    for prompt in rng.choices(prompts, k=20):
        for other in rng.sample(prompts, 2):
            _disturb(model, other, monkeypatch, rng)
        heard, fresh = sum(ask(model, prompt).steps, Step()), expected[prompt]
        n_same = common_prefix(heard.token_ids, fresh.token_ids)
        assert heard.logprobs[: n_same + 1] == pytest.approx(fresh.logprobs[: n_same + 1], abs=NOISE)


def _disturb(model: Backend, prompt: str, monkeypatch: pytest.MonkeyPatch, rng: random.Random) -> None:
    """Ask, and cancel at a random moment: before, inside a slice of the prefill, or between two tokens."""
    cancel = CancelToken()
    with monkeypatch.context() as patch:
        if rng.random() < 0.5:
            _cancelled_in_slice(patch, cancel, rng.randint(1, 6))
        ask(model, prompt, SamplingParams(rng.randint(1, 24)), cancel, cancel_after=rng.randint(0, 8))


@pytest.mark.parametrize("heal", ["", " ran", "\n"])
def test_other_answers_begin_with_other_tokens(model: LlamaCpp, heal: str) -> None:
    avoid: tuple[int, ...] = ()
    for n in range(4):
        said = sum(
            ask(model, Prompt((Part(CODE.removesuffix(heal)),), heal), SamplingParams(4, avoid=avoid)).steps, Step()
        )
        assert not set(said.first) & set(avoid)
        avoid += said.first
        assert len(avoid) == n + 1


def test_where_only_what_is_avoided_can_spell_it_is_said(model: LlamaCpp) -> None:
    token = model.tokenize(Part("\n"))
    said = ask(model, Prompt((Part("x"),), "\n\n\n\n\n\n\n"), SamplingParams(2, avoid=tuple(token)))
    assert said.stats.n_decoded


def test_what_the_sources_say_is_copied() -> None:
    everything = tuple((1.0,) * N_COLUMNS for _ in BUCKETS)
    copying = llamacpp.load(
        LoadSpec("llama.cpp", BUILT_IN, threads=1, copy_weights=everything), lambda _fraction, _gpu: True
    )
    text = "total = frobnicate(seven)\nprint(total)\n\ntotal ="
    prompt = Prompt((Part(text),), sources=("other = 1\n", text))
    heard = ask(copying, prompt, SamplingParams(16))
    assert heard.text.startswith(" frobnicate(seven)\nprint(total)")
    assert all(logprob == pytest.approx(0.0, abs=1e-4) for step in heard.steps[:6] for logprob in step.logprobs)
    assert ask(copying, Prompt((Part(text),)), SamplingParams(12)).text == ask(copying, text, SamplingParams(12)).text
    copying.close()


def logprob(model: Backend, prompt: Prompt) -> float:
    """Of the first line that the model says, and of its end."""
    said = sum(ask(model, prompt, SamplingParams(40)).steps, Step())
    return said.logprob(said.text.find("\n") + 1 or len(said.text))


@pytest.mark.parametrize("end", range(300, len(LONG_CODE), 90))
def test_the_line_that_beams_find_is_no_less_likely_than_the_greedy_one(open_llama: Open, end: int) -> None:
    prompt = Prompt((Part(LONG_CODE[: end - 3]),), heal=LONG_CODE[end - 3 : end])
    assert logprob(open_llama(beams=4), prompt) >= logprob(open_llama(), prompt) - NOISE


def test_a_score_is_what_decoding_says(model: LlamaCpp) -> None:
    """Token by token, and the end where the answer ended."""
    prompt = Prompt((Part(LONG_CODE),))
    said = sum(ask(model, prompt, SamplingParams(12)).steps, Step())
    found = score(model, prompt, said.text)
    ids = model.tokenize(Part(said.text, joined=True))
    assert ids == list(said.token_ids[: len(ids)])
    same = [n for n, token in enumerate(ids) if token not in model._vocabulary.line_ends]
    assert len(same) > 5
    assert [found.logprobs[n] for n in same] == pytest.approx([said.logprobs[n] for n in same], abs=0.02)


def test_an_end_is_all_that_ends_an_answer(model: LlamaCpp) -> None:
    """What may follow sums up to one, and the markers that the prompt names are among the ends."""
    plain, stopped = (score(model, Prompt((Part(CODE),), stop=stop), "ge").end for stop in ((), ("<|file_sep|>",)))
    assert plain <= stopped <= 0


def test_beams_leave_no_trace_in_the_context(open_llama: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, some of them cancelled, each answer is as likely as a fresh model's."""
    model, rng = open_llama(beams=3), random.Random(5)
    for end in range(100, len(LONG_CODE), 150):
        prompt = Prompt((Part(LONG_CODE[:end]),))
        _disturb(model, LONG_CODE[: end - 40], monkeypatch, rng)
        assert logprob(model, prompt) == pytest.approx(logprob(open_llama(beams=3), prompt), abs=10 * NOISE)


def test_beams_find_nothing_where_there_is_no_room(open_llama: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_llama(beams=3)
    whole = ask(model).text
    with monkeypatch.context() as patch:
        patch.setattr(native.Context, "branch", lambda *_arguments, **_named: False)
        heard = ask(model)
    assert heard.text  # the likeliest first token, and greedily on from there
    assert ask(model).text == whole


def test_a_line_longer_than_a_slice_is_read_in_slices(open_llama: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the search found is evaluated before decoding goes on; a batch holds no more than a slice."""
    monkeypatch.setattr(llamacpp, "N_SLICE", 8)
    model = open_llama(beams=3)
    line = tuple(model.tokenize(Part("x = (" + "1, 2, 3, " * 6 + "\n")))
    found = Beam(Spelling.of(b""), tokens=line, logprobs=(0.0,) * len(line))
    monkeypatch.setattr("codels.backends.beams.first_line", lambda *_arguments: found)
    heard = sum(ask(model, CODE, SamplingParams(60)).steps, Step())
    assert heard.token_ids[: len(line)] == line
    assert len(heard.token_ids) > len(line) > 16
