"""A scripted model: its file is JSON, its tokens are characters. Tests and editors' demonstrations use it.

    {"answers": {"def add(a, b):\\n    ": "return a + b"}, "load_ms": 0, "step_ms": 0,
     "prefill_ms": {"slow = ": 1000}, "dies_on": "", "dies_loading": false, "gpu": "", "dies_on_gpu": false,
     "dies_working_on_gpu": false, "chat_template": false,
     "scores": {"<|fim_prefix|>…<|fim_suffix|>…<|fim_middle|>": [-0.1, -0.2]}, "score_ms": 0}

The answer is the one whose key ends the text before the caret (the longest wins; "" matches always), and so is
the time before it; a list holds one answer per seed. Prompts must end with the text before the caret: suffix-first
or plain families. `scores` has, for a prompt's markers with `…` for its texts, the log-probabilities of each character
of any text and of the end behind it; "" is for all others. Only a script that has it says that it can score.
"""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from codels.backends import LoadSpec, ModelInfo, OnProgress, Score, Vectors
from codels.backends.llamatext import common_prefix
from codels.cancel import CancelToken
from codels.errors import Cancelled, MarkerMissing, ModelError, PromptTooLong
from codels.generation import BOS, Part, Prompt, SamplingParams, Stats, Step

_SLICE_MS = 5
"""Between two looks at whether somebody has cancelled."""


def load(spec: LoadSpec, on_progress: OnProgress) -> FakeModel:
    try:
        script = json.loads(Path(spec.path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the script {spec.path}: {error}; it must be JSON") from error
    if not _is_script(script):
        raise ModelError(f"the script {spec.path} must be an object whose 'answers' are texts or lists of texts")
    gpu = "" if spec.gpu_problem or spec.gpu_layers == 0 else script.get("gpu", "")
    _pretend_to_load(script, on_progress, gpu)
    return FakeModel(spec, script, gpu)


def _is_script(script: object) -> bool:
    answers = script.get("answers", {}) if isinstance(script, dict) else None
    return isinstance(answers, dict) and all(
        isinstance(a, str) or (isinstance(a, list) and a and all(isinstance(text, str) for text in a))
        for a in answers.values()
    )


def _pretend_to_load(script: dict[str, Any], on_progress: OnProgress, gpu: str) -> None:
    on_progress(0.0, gpu)
    if script.get("dies_loading"):
        os._exit(11)
    if gpu and script.get("dies_on_gpu"):
        signal.raise_signal(signal.SIGSEGV)
    n_slices = script.get("load_ms", 0) // _SLICE_MS
    for number in range(n_slices):
        time.sleep(_SLICE_MS / 1000)
        if not on_progress(number / n_slices, gpu):
            raise ModelError("loading was stopped")
    on_progress(1.0, gpu)


class FakeModel:
    def __init__(self, spec: LoadSpec, script: dict[str, Any], gpu: str) -> None:
        known = script.get("markers", spec.markers)
        self._script = script
        self._is_doomed = bool(gpu) and script.get("dies_working_on_gpu", False)
        self._ids = {marker: -2 - index for index, marker in enumerate(known)}
        self._cached: list[int] = []
        window = spec.context_window or 2048
        markers = tuple(m for m in spec.markers if m in self._ids)
        has_template, can_score = script.get("chat_template", False), "scores" in script
        plan = (spec.gpu_problem,) if spec.gpu_problem else ()
        self.info = ModelInfo("scripted", window, markers, (), has_template, can_score, plan=plan, can_embed=True)

    def tokenize(self, part: Part) -> list[int]:
        if not part.special:
            return [ord(char) for char in part.text]
        if part is not BOS and part.text and part.text not in self._ids:
            raise MarkerMissing(part.text)
        return [self._ids.get(part.text, -1)]

    def generate(self, prompt: Prompt, params: SamplingParams, cancel: CancelToken) -> Iterator[Step]:
        tokens = [token for part in prompt.parts for token in self.tokenize(part)]
        if len(tokens) > self.info.context_window - params.max_tokens:
            raise PromptTooLong(len(tokens), self.info.context_window - params.max_tokens)
        n_reused = min(common_prefix(tokens, self._cached), len(tokens) - 1)
        self._cached = tokens
        started = time.monotonic()
        cancel_wait = _Waiter(cancel)
        before = "".join(part.text for part in prompt.parts if not part.special) + prompt.heal
        cancel_wait.sleep_ms(_ending(self._script.get("prefill_ms", {}), before, 0))
        answer, why = _until_stop(self._answer(before, params.seed), params.stop, prompt.stop)
        stats = Stats(len(tokens), max(n_reused, 0))
        for char in answer:
            cancel_wait.sleep_ms(self._script.get("step_ms", 0))
            is_late = params.max_ms and (time.monotonic() - started) * 1000 > params.max_ms
            if cancel.is_cancelled or is_late or stats.n_decoded == params.max_tokens:
                why = "cancelled" if cancel.is_cancelled else "time" if is_late else "limit"
                break
            stats = replace(stats, n_decoded=stats.n_decoded + 1)
            yield Step.of(char, ord(char), -0.1, stats)
        yield Step(stats=replace(stats, why_stopped="cancelled" if cancel.is_cancelled else why))

    def score(self, prompt: Prompt, text: str, cancel: CancelToken) -> Score:
        tokens = [token for part in prompt.parts for token in self.tokenize(part)]
        n_all = len(tokens) + len(prompt.heal) + len(text)
        if n_all > self.info.context_window:
            raise PromptTooLong(n_all, self.info.context_window)
        self._cached = tokens
        _Waiter(cancel).sleep_ms(self._script.get("score_ms", 0))
        if cancel.is_cancelled:
            raise Cancelled("the scoring was cancelled")
        scores = self._script.get("scores", {})
        form = "".join(part.text if part.special else "…" for part in prompt.parts)
        each, end = scores.get(form, scores.get("", [-1.0, -1.0]))
        return Score((each,) * len(text), end)

    def embed(self, texts: tuple[str, ...], cancel: CancelToken) -> Vectors:
        """How often each of eight kinds of characters is there; `prefill_ms` is the time before a text's."""
        for text in texts:
            if len(text) > self.info.context_window:
                raise PromptTooLong(len(text), self.info.context_window)
            _Waiter(cancel).sleep_ms(_ending(self._script.get("prefill_ms", {}), text, 0))
            if cancel.is_cancelled:
                raise Cancelled("the embedding was cancelled")
        return tuple(map(_counted, texts))

    def close(self) -> None:
        self._cached = []

    def _answer(self, before: str, seed: int) -> str:
        if (fatal := self._script.get("dies_on")) and before.endswith(fatal):
            os._exit(11)
        if self._is_doomed:
            os.abort()
        answer: str | list[str] = _ending(self._script.get("answers", {}), before, "")
        return answer if isinstance(answer, str) else answer[seed % len(answer)]


def _ending(table: dict[str, Any], text: str, default: Any) -> Any:
    """The value of the longest key that ends `text`."""
    return table.get(max((key for key in table if text.endswith(key)), key=len, default=""), default)


def _counted(text: str) -> tuple[float, ...]:
    counts = [1 + sum(ord(char) % 8 == kind for char in text) for kind in range(8)]
    return tuple(count / math.hypot(*counts) for count in counts)


def _until_stop(answer: str, stops: tuple[str, ...], markers: tuple[str, ...]) -> tuple[str, str]:
    ends = [(at, "stop") for stop in stops if (at := answer.find(stop)) >= 0]
    ends += [(at, "end") for marker in markers if (at := answer.find(marker)) >= 0]
    at, why = min(ends, default=(len(answer), "end"))
    return answer[:at], why


class _Waiter:
    """Sleeps that end at once when the token is cancelled."""

    def __init__(self, cancel: CancelToken) -> None:
        self._cancel = cancel

    def sleep_ms(self, ms: float) -> None:
        until = time.monotonic() + ms / 1000
        while not self._cancel.is_cancelled and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE_MS / 1000))
