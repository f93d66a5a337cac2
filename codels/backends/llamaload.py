"""Loads a model as planned, and smaller where there is no memory for that. Imports the library."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import llama_cpp as llama

from codels.backends import LoadSpec, ModelInfo, OnProgress, ggufshape, llamadevices, llamalog, llamalora
from codels.backends.ggufshape import FileShape
from codels.backends.llamanative import Context, branch_cells
from codels.backends.plan import Plan, explain, in_short, kv_bytes, smaller
from codels.backends.planning import Wishes, choose
from codels.errors import ModelError, OutOfMemory
from codels.sizes import size_text

T = TypeVar("T")

_OUT_OF_MEMORY = ("alloc", "out of memory", "insufficient memory")
"""In what the library says of a buffer that it could not have."""

_TOO_NEW = re.compile("unknown model architecture|unknown pre-tokenizer type|is version [0-9]{1,2} but this software")
"""In what it says of a file that is newer than itself."""

_NO_LANGUAGE_MODEL = "CLIP cannot be used as main model"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A context, the plan that it was made by, and a sentence for each plan before it that did not fit."""

    context: Context
    shape: FileShape
    plan: Plan
    tried: tuple[str, ...]

    @property
    def has_encoder(self) -> bool:
        """Whether an encoder reads the prompt."""
        model, _context = self.context.native
        return bool(llama.llama_model_has_encoder(model))

    @property
    def has_decoder(self) -> bool:
        """Whether it answers with text; models for embeddings do not."""
        model, context = self.context.native
        return bool(llama.llama_model_has_decoder(model) and llama.llama_get_memory(context))

    def info(self, markers: tuple[str, ...]) -> ModelInfo:
        is_on_gpu = bool(self.plan.gpus) and self.plan.gpu_layers > self.shape.layers
        sentences = (*explain(self.shape, self.plan), *self.tried)
        described = ModelInfo(self.context.description, self.context.n_ctx, markers)
        return replace(described, device=self.plan.device, plan=sentences, is_on_gpu=is_on_gpu, can_embed=True)


def open_planned(spec: LoadSpec, on_progress: OnProgress) -> Loaded:
    """Load a GGUF file. Raises `ModelError` with the reason in words."""
    ggufshape.check(Path(spec.path))
    shape = ggufshape.read(Path(spec.path))
    wishes = Wishes(spec.context_window, spec.gpu_layers, spec.max_window, branch_cells(spec), spec.gpu_problem)
    plan = choose(shape, llamadevices.found(), wishes)
    context, plan, tried = first_fitting(shape, plan, lambda p: _open(spec, p, on_progress))
    return Loaded(context, shape, plan, tried)


def first_fitting(shape: FileShape, plan: Plan, open_: Callable[[Plan], T]) -> tuple[T, Plan, tuple[str, ...]]:
    """What `open_` makes of the plan, or of the first smaller one for which it does not raise `OutOfMemory`; with a
    sentence for each that did not fit. Raises `ModelError` with all of them where none does.
    """
    tried: list[str] = []
    for each in _all(plan):
        try:
            return open_(each), each, tuple(tried)
        except OutOfMemory as error:
            tried.append(_no_memory(shape, each, error))
    raise ModelError(
        f"there is no memory for the model: {'; '.join(tried)}. Close other programs, or choose a smaller model or "
        "quantisation"
    )


def _all(plan: Plan) -> Iterator[Plan]:
    yield plan
    yield from smaller(plan)


def _no_memory(shape: FileShape, plan: Plan, error: OutOfMemory) -> str:
    kv = size_text(kv_bytes(shape, plan.n_cells, plan.kv_type))
    return (
        f"no memory for {in_short(shape, plan)} with a context of {plan.context_window:,} tokens ({kv} for "
        f"{plan.n_cells:,}): {error}"
    )


def _open(spec: LoadSpec, plan: Plan, on_progress: OnProgress) -> Context:
    """Load a GGUF file. Raises `ModelError` with the reason in words, `OutOfMemory` where a smaller plan may help."""
    llamalog.listen()
    llama.llama_backend_init()
    gpu = plan.device if plan.gpus else ""
    on_progress(0.0, gpu)
    was_stopped = False

    def on_fraction(fraction: float, _data: object) -> bool:
        nonlocal was_stopped
        was_stopped = not on_progress(fraction, gpu)
        return not was_stopped

    progress = llama.llama_progress_callback(on_fraction)
    params = llama.llama_model_default_params()
    params.n_gpu_layers = plan.gpu_layers
    devices = llamadevices.handles(plan.gpus)
    params.devices = ctypes.cast(devices, ctypes.c_void_p)
    params.progress_callback = progress
    # The AMX kernels die of an invalid tile configuration on some machines (ggml-org/llama.cpp issue 20824); they
    # are one of the "extra buffer types", which are left out where the library would use them.
    params.use_extra_bufts = b"AMX_INT8 = 1" not in llama.llama_print_system_info()
    model = llama.llama_model_load_from_file(os.fsencode(spec.path), params)
    if not model and was_stopped:
        raise ModelError(f"loading {spec.path} was stopped")
    if not model:
        reason = llamalog.reason()
        if any(words in reason.lower() for words in _OUT_OF_MEMORY):
            raise OutOfMemory(reason)
        raise ModelError(f"{spec.path} cannot be loaded, {_remedied(reason)}")
    try:
        adapters = llamalora.load(model, spec.adapters)
    except ModelError:
        llama.llama_model_free(model)
        raise
    return Context(model, spec, plan, adapters)


def _remedied(reason: str) -> str:
    """What the library says of a file, and what helps."""
    if _TOO_NEW.search(reason):
        version = llama.__version__
        return (
            f"llama-cpp-python {version} does not know its kind: {reason}. A newer one may (`pip install --upgrade "
            "llama-cpp-python`), else choose another model"
        )
    if _NO_LANGUAGE_MODEL in reason:
        return "it reads pictures for another model and writes no text. Choose another model"
    return f"it may be truncated: {reason}. Fetch the file again"
