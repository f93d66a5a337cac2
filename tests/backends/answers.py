"""What the tests of backends say and read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast

from codels.backends import Backend, Score, Scorer
from codels.cancel import CancelToken
from codels.generation import Part, Prompt, SamplingParams, Stats, Step
from codels.registry import store

BUILT_IN = str(store.locate(store.find("codels-tiny")))
GPU_LAYERS = int(os.environ["CODELS_TEST_GPU_LAYERS"]) if "CODELS_TEST_GPU_LAYERS" in os.environ else None
"""As in `LoadSpec`: without it a GPU is used where the installed llama.cpp can; 0 keeps to the CPU."""

MARKERS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>", "<|nowhere|>")
ANSWER = "ge(10):\n        print(i, end='')\n    return None\n"

Open = Callable[..., Backend]

CODE = "import os\n\n\ndef main():\n    for i in ran"
LONG_CODE = (Path(__file__).parent / "long_code.txt").read_text("utf-8") + CODE
"""A kilobyte, the same for good: answers are compared."""


class Heard(NamedTuple):
    text: str
    stats: Stats
    steps: list[Step]


def ask(
    backend: Backend,
    prompt: str | Prompt = CODE,
    params: SamplingParams | None = None,
    cancel: CancelToken | None = None,
    cancel_after: int = -1,
) -> Heard:
    """One answer, read to its end; cancelled by its reader once it has heard `cancel_after` steps."""
    prompt = Prompt((Part(prompt),)) if isinstance(prompt, str) else prompt
    cancel = cancel or CancelToken()
    steps: list[Step] = []
    if cancel_after == 0:
        cancel.cancel()
    for step in backend.generate(prompt, params or SamplingParams(24), cancel):
        steps.append(step)
        if len(steps) == cancel_after:
            cancel.cancel()
    *said, last = steps
    assert last.is_last
    assert not any(step.is_last for step in said)
    return Heard("".join(step.text for step in said), last.stats, steps)


def score(backend: Backend, prompt: str | Prompt, text: str, cancel: CancelToken | None = None) -> Score:
    prompt = Prompt((Part(prompt),)) if isinstance(prompt, str) else prompt
    return cast(Scorer, backend).score(prompt, text, cancel or CancelToken())
