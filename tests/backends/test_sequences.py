"""Several texts in one model: none evicts another too early, and each is answered as if it were alone."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_gguf
from answers import BUILT_IN, GPU_LAYERS, Heard, ask

from codels.backends import LoadSpec, llamacpp
from codels.backends.llamacpp import LlamaCpp
from codels.backends.llamatext import common_prefix
from codels.cancel import CancelToken
from codels.gate import first_line
from codels.generation import Part, Prompt, SamplingParams, Step

pytestmark = pytest.mark.model

load = pytest.importorskip("codels.backends.llamaload", exc_type=ImportError)

FILES = [path.read_text("utf-8") for path in sorted(Path(llamacpp.__file__).parent.glob("[bcl]*.py"))]
TEXTS = [text[:700] for text in FILES if len(text) > 1500][:5]
NOISE = 0.05
"""Nats, as in test_llamacpp.py: llama.cpp rounds by the size of a batch, and by where the cells lie."""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Opens the model with a number of sequences, and cells for four windows."""
    choose, models = load.choose, list[LlamaCpp]()

    def open_(
        n_sequences: int, path: str = BUILT_IN, window: int = 512, n_windows: int = 4, beams: int = 1
    ) -> LlamaCpp:
        def chosen(*arguments: Any) -> Any:
            plan = choose(*arguments)
            return replace(plan, n_sequences=n_sequences, n_cells=n_windows * plan.context_window)

        monkeypatch.setattr(load, "choose", chosen)
        models.append(
            llamacpp.load(
                LoadSpec("llama.cpp", path, window, beams=beams, gpu_layers=GPU_LAYERS), lambda _fraction, _gpu: True
            )
        )
        return models[-1]

    yield open_
    for model in models:
        model.close()


def typed(n: int, n_keys: int) -> str:
    return FILES[n][: 700 + n_keys]


def is_alike(heard: Heard, fresh: Heard) -> bool:
    """The same answer, up to a token that another ties with, or a line where lines are searched for."""
    a, b = sum(heard.steps, Step()), sum(fresh.steps, Step())
    if a.text.partition("\n")[0] != b.text.partition("\n")[0] and first_line(a) == pytest.approx(
        first_line(b), abs=NOISE
    ):
        return True
    n_same = common_prefix(a.token_ids, b.token_ids)
    return a.logprobs[: n_same + 1] == pytest.approx(b.logprobs[: n_same + 1], abs=NOISE)


@pytest.mark.parametrize("beams", [1, 3])
def test_each_text_is_answered_as_if_it_were_alone(opened: Any, beams: int) -> None:
    model, alone = opened(3, beams=beams), opened(1, beams=beams)
    rng = random.Random(1)
    for _ in range(16):
        prompt = typed(rng.randrange(4), rng.randrange(40))
        alone._cache.keep(0)
        assert is_alike(ask(model, prompt), ask(alone, prompt))


@pytest.mark.parametrize(
    ("n_sequences", "order", "n_kept"),
    [
        (1, "0101", 0),  # as it was: every change of the file reads it again
        (2, "0101", 2),
        (3, "010203", 2),  # the third takes an empty place, and the first two stay
        (2, "0120", 0),  # the third evicts the oldest
        (3, "01230", 0),
        (4, "01230123", 4),
        (3, "0123321", 3),  # 0 was the oldest
    ],
)
def test_texts_by_turns_are_read_once(opened: Any, n_sequences: int, order: str, n_kept: int) -> None:
    model, n_seen, n_found = opened(n_sequences), dict[str, int](), 0
    for n_keys, letter in enumerate(order):
        stats = ask(model, typed(int(letter), n_keys), SamplingParams(8)).stats
        if letter in n_seen:
            assert stats.n_reused > 0.9 * n_seen[letter] or stats.n_reused < 0.2 * n_seen[letter]
            n_found += stats.n_reused > 0.9 * n_seen[letter]
        n_seen[letter] = stats.n_prompt
    assert n_found == n_kept


def test_two_texts_with_one_head_share_its_cells(opened: Any) -> None:
    model, head = opened(2, n_windows=1), FILES[0][:1000]
    a, b = head + "\n\ndef first(", head + "\n\n\nclass Other:\n"
    n_prompt = ask(model, a, SamplingParams(4)).stats.n_prompt
    other = ask(model, b, SamplingParams(4)).stats
    assert other.n_reused > 0.9 * n_prompt
    assert ask(model, a, SamplingParams(4)).stats.n_reused > 0.9 * n_prompt


def test_without_cells_for_two_the_older_one_gives_way(opened: Any) -> None:
    model = opened(4, n_windows=1)
    n_first = ask(model, FILES[0][:1300], SamplingParams(8)).stats.n_prompt
    n_second = ask(model, FILES[1][:1300], SamplingParams(8)).stats.n_prompt
    assert n_first + n_second > 512
    again = ask(model, FILES[0][:1300], SamplingParams(8))
    assert again.stats.why_stopped in ("limit", "end")
    assert again.stats.n_reused < 20


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_cancelling_leaves_every_text_as_it_was(opened: Any, seed: int, beams: int) -> None:
    model, alone, rng = opened(3, beams=beams), opened(1, beams=beams), random.Random(seed)
    for _ in range(12):
        other = typed(rng.randrange(4), rng.randrange(60))
        ask(model, other, SamplingParams(rng.randint(1, 16)), CancelToken(), cancel_after=rng.randint(0, 6))
        prompt = typed(rng.randrange(4), rng.randrange(60))
        alone._cache.keep(0)
        assert is_alike(ask(model, prompt), ask(alone, prompt))


def test_a_reader_that_leaves_costs_the_other_text_nothing(opened: Any) -> None:
    model = opened(2)
    n_first = ask(model, typed(0, 0)).stats.n_prompt
    steps = iter(model.generate(Prompt((Part(typed(1, 0)),)), SamplingParams(24), CancelToken()))
    next(steps)
    del steps
    assert ask(model, typed(0, 3)).stats.n_reused > 0.9 * n_first


def test_a_recurrent_model_keeps_texts_that_go_on(opened: Any, tmp_path: Path) -> None:
    """Its state cannot be cut: a text that goes on is reused, one that was changed is read again."""
    path = str(tiny_gguf.write_recurrent(tmp_path / "mamba.gguf"))
    model, alone = opened(3, path, 200), opened(1, path, 200)
    n = [ask(model, text, SamplingParams(1)).stats.n_reused for text in ("abcdef", "uvwxyz", "abcdefgh", "uvwxyz12")]
    assert n == [0, 0, 6, 6]
    assert ask(model, "abXdef", SamplingParams(1)).stats.n_reused == 0
    for prompt in ("abcdefgh", "uvwxyz12", "abXdef", "q", "abcdefgh12"):
        alone._cache.keep(0)
        assert is_alike(ask(model, prompt, SamplingParams(6)), ask(alone, prompt, SamplingParams(6)))
