"""Libraries that run weights, behind one narrow protocol. Their imports happen inside `load`.

A backend lives in the engine's process and is called from one thread. Add one by writing a file here and its
line in `BACKENDS`; `tests/backends/test_contract.py` holds the contract that all of them pass.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

from codels.cancel import CancelToken
from codels.copyweights import CopyWeights
from codels.endpoint import Endpoint
from codels.errors import UserError
from codels.generation import Part, Prompt, SamplingParams, Step
from codels.machine import Devices


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA file that changes what a model says; `scale` times as much as it was trained to."""

    path: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """What to load. `markers` are those that somebody may want to use; `ModelInfo` says which ones exist."""

    backend: str
    path: str
    context_window: int = 0
    """Tokens, up to what the model was trained on; 0: chosen for the machine."""
    threads: int = 1
    markers: tuple[str, ...] = ()
    copy_weights: CopyWeights = ()
    """Of `backends/copying.py`; none leaves copying out."""
    beams: int = 1
    """Starts of the first line that grow side by side (`backends/beams.py`); 1 is greedy. Plain attention only."""
    max_window: int = 0
    """What the card says the model was trained on, in tokens; 0: the file's own word counts."""
    gpu_layers: int | None = None
    """None: chosen for the machine; 0: the CPU alone."""
    adapters: tuple[Adapter, ...] = ()
    gpu_problem: str = ""
    """Why no GPU is to be used, whatever `gpu_layers` says, for people; empty: nothing speaks against it."""
    remote: Endpoint | None = None
    """Who serves it, for the back end `remote`; `path` is the model's id then, and `markers` are its family's."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What was loaded. `markers` are single special tokens of its vocabulary. `device` is what runs it, for people, and
    `plan` the sentences that say why; `is_on_gpu`: with all its layers.
    """

    description: str
    context_window: int
    markers: tuple[str, ...] = ()
    ordinary: tuple[str, ...] = ()
    """Markers that its vocabulary has as ordinary tokens, which no prompt can say: the file was converted wrongly."""
    has_chat_template: bool = False
    can_score: bool = False
    """Whether the backend is a `Scorer` for this model."""
    device: str = ""
    plan: tuple[str, ...] = ()
    is_on_gpu: bool = False
    can_embed: bool = False
    """Whether it is an `Embedder`."""
    can_write: bool = True
    """Whether it answers with text; models for embeddings alone do not."""
    has_encoder: bool = False
    """Whether an encoder reads the prompt, before a decoder writes: T5 and its like."""
    can_heal: bool = True
    """Whether decoding can be held to `Prompt.heal`; else that is text which the model reads, and none is best."""


class Backend(Protocol):
    """Weights that answer prompts."""

    info: ModelInfo

    def tokenize(self, part: Part) -> list[int]:
        """Token ids; a special part is exactly one. Raises `MarkerMissing`."""
        ...

    def generate(self, prompt: Prompt, params: SamplingParams, cancel: CancelToken) -> Iterator[Step]:
        """Steps with new text only (what `prompt.heal` spells again is left out); the last one carries `Stats`.

        `why_stopped` is `end`, `stop`, `limit`, `time` or `cancelled`. Raises `PromptTooLong`, `MarkerMissing`.
        """
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Score:
    """How likely a text is after a prompt: natural log-probabilities, one for each of its tokens, then `end`, that of
    the answer ending behind it (all tokens that end an answer together).
    """

    logprobs: tuple[float, ...]
    end: float

    @property
    def mean(self) -> float:
        """Of a token of the text, in nats."""
        return sum(self.logprobs) / max(1, len(self.logprobs))


class Scorer(Protocol):
    """A backend that can say how likely a text is, which the probe of a model needs."""

    def score(self, prompt: Prompt, text: str, cancel: CancelToken) -> Score:
        """`prompt.heal` stands before `text` and its tokens are not counted, but for one that `text` shares.

        Raises `PromptTooLong`, `MarkerMissing`, `Cancelled`.
        """
        ...


Vectors = tuple[tuple[float, ...], ...]
"""Of one length, each of norm 1."""


class Embedder(Protocol):
    """A backend that turns texts into vectors."""

    def embed(self, texts: tuple[str, ...], cancel: CancelToken) -> Vectors:
        """One for each text. Raises `PromptTooLong` for a text that the model cannot read whole, `Cancelled`."""
        ...


OnProgress = Callable[[float, str], bool]
"""Told the fraction loaded, from 0 to 1, and the GPU that takes it (empty: the CPU). Loading stops when it answers
False. Who loads onto a GPU says so before it does: it may be the process' last word.
"""

Loader = Callable[[LoadSpec, OnProgress], Backend]

BACKENDS = {
    "llama.cpp": "codels.backends.llamacpp",
    "transformers": "codels.backends.hf",
    "remote": "codels.backends.remote",
    "fake": "codels.backends.fake",
}

_LIBRARIES = {
    "codels.backends.llamacpp": "codels.backends.llamaload",
    "codels.backends.hf": "codels.backends.hfload",
    "codels.backends.remote": "httpx2",
}
"""Where the heavy import is not in the module itself."""

_OPTIONAL = {"transformers": ("torch", "transformers", "safetensors")}
"""What a plain installation of codels does not bring."""


def load(spec: LoadSpec, on_progress: OnProgress) -> Backend:
    """Load a model. Raises `ModelError`, `BackendMissing` or `UserError`, each with its remedy."""
    check(spec.backend)
    return cast(Loader, importlib.import_module(BACKENDS[spec.backend]).load)(spec, on_progress)


def check(backend: str) -> None:
    """Raises `UserError` for one that nobody knows."""
    if backend not in BACKENDS:
        raise UserError(f"there is no backend {backend!r}; known are {', '.join(BACKENDS)}")


def lacking(backend: str) -> str:
    """What must be installed for a backend, in words; empty where nothing is. Imports nothing."""
    missing = [name for name in _OPTIONAL.get(backend, ()) if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    are = "is" if len(missing) == 1 else "are"
    return f'{" and ".join(missing)} {are} not installed: `pip install "codels[{backend}]"`'


def devices() -> Devices:
    """What the llama.cpp that is installed can use, and why not more. Loads no model. Raises `BackendMissing`."""
    from codels.backends import llamacpp

    return llamacpp.devices()


def warm(backend: str) -> None:
    """Import a backend's library ahead of a load; what is wrong with it the load will say."""
    module = BACKENDS.get(backend, "")
    with contextlib.suppress(Exception):
        importlib.import_module(_LIBRARIES.get(module, module))
