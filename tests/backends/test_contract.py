"""What every backend promises, whatever library it drives."""

from __future__ import annotations

import threading

import pytest
from answers import CODE, LONG_CODE, MARKERS, Open, ask, score

from codels.cancel import CancelToken
from codels.errors import Cancelled, MarkerMissing, PromptTooLong
from codels.generation import BOS, Part, Prompt, SamplingParams, Step

FEW = SamplingParams(24)


def test_only_the_last_step_says_why_and_nothing_else(open_backend: Open) -> None:
    heard = ask(open_backend())
    *said, last = heard.steps
    assert last == Step(stats=heard.stats)
    assert all(step.token_ids for step in said if step.text)
    assert heard.text
    assert heard.stats.n_decoded == sum(len(step.token_ids) for step in said)


def test_every_step_carries_what_the_answer_has_cost_so_far(open_backend: Open) -> None:
    heard = ask(open_backend())
    n_decoded = 0
    for step in heard.steps:
        n_decoded += len(step.token_ids)
        assert step.stats.n_decoded == n_decoded
        assert (step.stats.n_prompt, step.stats.n_reused) == (heard.stats.n_prompt, heard.stats.n_reused)
        assert (step.stats.prefill_ms, step.stats.decode_ms <= heard.stats.decode_ms) == (heard.stats.prefill_ms, True)


def test_log_probabilities_are_never_above_zero(open_backend: Open) -> None:
    assert all(logprob <= 0 for step in ask(open_backend()).steps for logprob in step.logprobs)


def test_the_same_prompt_again_says_the_same_and_reads_one_token(open_backend: Open) -> None:
    backend = open_backend()
    first, second = ask(backend), ask(backend)
    assert (second.text, first.stats.n_reused) == (first.text, 0)
    assert second.stats.n_reused == second.stats.n_prompt - 1


def test_a_longer_prompt_reuses_what_it_shares(open_backend: Open) -> None:
    backend = open_backend()
    first = ask(backend, CODE + "\n")
    second = ask(backend, CODE + "\n\n\nclass Shape:\n")
    assert 0 < second.stats.n_reused <= first.stats.n_prompt
    assert second.stats.n_reused >= first.stats.n_prompt - 2  # the last line end may join those that follow


def test_a_prompt_that_shares_nothing_reuses_nothing(open_backend: Open) -> None:
    backend = open_backend()
    ask(backend, "class A:\n")
    assert ask(backend, "def f():\n").stats.n_reused == 0


@pytest.mark.parametrize("start", range(0, 16, 3))
@pytest.mark.parametrize("length", [1, 2, 5, 9])
def test_the_answer_ends_before_a_stop_string(open_backend: Open, start: int, length: int) -> None:
    """Stops are cut out of what the model says, so that they lie within tokens and across them."""
    backend = open_backend()
    whole = ask(backend).text
    stop = whole[start : start + length]
    heard = ask(backend, CODE, SamplingParams(24, stop=("never said", stop)))
    assert heard.text == whole[: whole.index(stop)]
    assert heard.stats.why_stopped == "stop"


def test_what_only_began_like_a_stop_string_is_said(open_backend: Open) -> None:
    backend = open_backend()
    whole = ask(backend).text
    assert ask(backend, CODE, SamplingParams(24, stop=(whole[-3:] + "☺",))).text == whole


@pytest.mark.parametrize("n", [1, 2, 7])
def test_no_more_than_max_tokens(open_backend: Open, n: int) -> None:
    heard = ask(open_backend(), CODE, SamplingParams(n))
    assert (heard.stats.n_decoded, heard.stats.why_stopped) == (n, "limit")


def test_no_longer_than_max_ms(open_backend: Open) -> None:
    heard = ask(open_backend(step_ms=20), LONG_CODE, SamplingParams(120, max_ms=1))
    assert heard.stats.why_stopped == "time"
    assert heard.stats.n_decoded < 100


def test_cancelled_before_it_starts(open_backend: Open) -> None:
    backend = open_backend()
    ask(backend)
    heard = ask(backend, cancel_after=0)
    assert (heard.text, heard.stats.why_stopped, len(heard.steps)) == ("", "cancelled", 1)
    assert ask(backend).stats.n_reused > 0


@pytest.mark.parametrize("n", [1, 2, 5])
def test_cancelled_between_tokens_nothing_follows(open_backend: Open, n: int) -> None:
    backend = open_backend()
    heard = ask(backend, cancel_after=n)
    assert (len(heard.steps), heard.stats.why_stopped) == (n + 1, "cancelled")
    again = ask(backend)
    assert again.stats.n_reused == again.stats.n_prompt - 1


def test_cancelled_between_tokens_what_was_held_back_is_not_said(open_backend: Open) -> None:
    """The last step's text begins a stop string; it must not come out after the cancel."""
    backend = open_backend()
    pieces = [step.text for step in ask(backend).steps[:3]]
    heard = ask(backend, CODE, SamplingParams(24, stop=(pieces[1] + pieces[2] + "☺",)), cancel_after=2)
    assert (len(heard.steps), heard.stats.why_stopped) == (3, "cancelled")


def test_cancelled_from_another_thread_between_tokens(open_backend: Open) -> None:
    backend, cancel = open_backend(), CancelToken()
    steps = iter(backend.generate(Prompt((Part(CODE),)), FEW, cancel))
    next(steps)
    thread = threading.Thread(target=cancel.cancel)
    thread.start()
    thread.join()
    (last,) = steps
    assert last.stats is not None
    assert last.stats.why_stopped == "cancelled"


def test_a_reader_that_leaves_early_leaves_a_working_backend(open_backend: Open) -> None:
    backend = open_backend()
    steps = iter(backend.generate(Prompt((Part(CODE),)), FEW, CancelToken()))
    next(steps)
    del steps
    assert ask(backend).text == ask(open_backend()).text


def test_too_long_a_prompt_says_both_numbers_and_harms_nothing(open_backend: Open) -> None:
    backend = open_backend()
    ask(backend)
    with pytest.raises(PromptTooLong) as caught:
        ask(backend, "x = 1\n" * 2000)
    assert caught.value.n_prompt > 1000
    assert caught.value.n_limit == backend.info.context_window - FEW.max_tokens
    assert ask(backend).stats.n_reused > 0


def test_the_longest_prompt_that_fits_is_answered(open_backend: Open) -> None:
    backend = open_backend()
    with pytest.raises(PromptTooLong) as caught:
        ask(backend, "(" * 8000)
    per_char = caught.value.n_prompt / 8000
    text = "(" * int(caught.value.n_limit / per_char)
    heard = ask(backend, text, FEW)
    assert heard.stats.n_prompt >= caught.value.n_limit - 2
    assert heard.stats.why_stopped in ("limit", "end")


@pytest.mark.parametrize("marker", ["<|nowhere|>", "<|fim_prefix", "def", " "])
def test_a_marker_that_the_vocabulary_lacks(open_backend: Open, marker: str) -> None:
    backend = open_backend()
    with pytest.raises(MarkerMissing, match="no special token"):
        backend.tokenize(Part(marker, special=True))
    with pytest.raises(MarkerMissing):
        ask(backend, Prompt((Part(marker, special=True), Part("x"))))
    assert ask(backend).text


def test_info_names_the_markers_that_exist(open_backend: Open) -> None:
    info = open_backend().info
    assert info.markers == MARKERS[:-1]
    assert info.context_window > 0


def test_markers_are_single_tokens_and_the_same_text_of_a_user_is_not(open_backend: Open) -> None:
    backend = open_backend()
    ids = [token for marker in MARKERS[:-1] for token in backend.tokenize(Part(marker, special=True))]
    assert len(set(ids)) == len(MARKERS) - 1
    typed = backend.tokenize(Part("".join(MARKERS)))
    assert len(typed) > len(MARKERS)
    assert not set(typed) & set(ids)


def test_begin_of_sequence_is_at_most_one_token(open_backend: Open) -> None:
    backend = open_backend()
    assert len(backend.tokenize(BOS)) <= 1
    plain, with_bos = ask(backend), ask(backend, Prompt((BOS, Part(CODE))))
    assert with_bos.stats.n_prompt == plain.stats.n_prompt + len(backend.tokenize(BOS))


@pytest.mark.parametrize("prompt", [Prompt(()), Prompt((Part(""),)), Prompt((Part(""),), heal="imp")])
def test_an_empty_prompt_is_answered(open_backend: Open, prompt: Prompt) -> None:
    heard = ask(open_backend(), prompt)
    assert heard.stats.why_stopped in ("limit", "end")


@pytest.mark.parametrize("text", ["s = '\ud800'", "\udfff\ud800", "x\udc80y = '😀\0\x7f\ufeff'"])
@pytest.mark.parametrize("is_healed", [False, True])
def test_lone_surrogates_and_other_oddities_are_plain_text(open_backend: Open, text: str, is_healed: bool) -> None:
    prompt = Prompt((Part(text[:-1]),), heal=text[-1]) if is_healed else Prompt((Part(text),))
    heard = ask(open_backend(), prompt)
    heard.text.encode("utf-8")
    assert heard.stats.why_stopped in ("limit", "end")


def test_what_is_healed_is_not_said_again(open_backend: Open) -> None:
    """The model has one way to go on behind `for i in ran`."""
    heard = ask(open_backend(), Prompt((Part("for i in"),), heal=" ran"))
    assert heard.text.startswith("ge")


@pytest.mark.parametrize("text", ["", "ge", "ge(10):", "ge(10):\n        print(i)\n" * 20, "naïve 日本 \ud800"])
def test_a_text_has_log_probabilities_and_so_has_its_end(open_backend: Open, text: str) -> None:
    found = score(open_backend(), CODE, text)
    assert bool(found.logprobs) == bool(text)
    assert all(logprob <= 0 for logprob in (*found.logprobs, found.end))
    assert found.mean == (sum(found.logprobs) / len(found.logprobs) if text else 0.0)


def test_the_same_text_again_is_as_likely(open_backend: Open) -> None:
    backend = open_backend()
    first = score(backend, LONG_CODE, "ge(10):")
    ask(backend, "class A:\n")
    assert score(backend, LONG_CODE, "ge(10):").logprobs == pytest.approx(first.logprobs, abs=1e-3)


def test_what_is_healed_is_not_scored(open_backend: Open) -> None:
    whole, healed = Prompt((Part("for i in"),), heal=" ran"), Prompt((Part("for i in ran"),))
    backend = open_backend()
    assert 0 < len(score(backend, whole, "ge(10)").logprobs) <= len(score(backend, healed, "ge(10)").logprobs)


def test_scoring_leaves_a_working_backend_that_reuses(open_backend: Open) -> None:
    backend, fresh = open_backend(), ask(open_backend())
    for text in ("ge(10):", "dom()\n" * 30, ""):
        score(backend, CODE, text)
        heard = ask(backend)
        assert heard.text == fresh.text
        assert heard.stats.n_reused == heard.stats.n_prompt - 1


def test_too_long_a_text_to_score_says_both_numbers(open_backend: Open) -> None:
    backend = open_backend()
    with pytest.raises(PromptTooLong) as caught:
        score(backend, CODE, "(" * 8000)
    assert caught.value.n_prompt > caught.value.n_limit == backend.info.context_window
    with pytest.raises(MarkerMissing):
        score(backend, Prompt((Part("<|nowhere|>", special=True),)), "x")
    assert ask(backend).text == ask(open_backend()).text


def test_a_cancelled_score_is_no_score(open_backend: Open) -> None:
    backend, cancel = open_backend(), CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        score(backend, LONG_CODE, "ge(10):", cancel)
    assert ask(backend, LONG_CODE).text == ask(open_backend(), LONG_CODE).text
