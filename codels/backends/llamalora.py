"""LoRA adapters: small files that change what a model says, loaded beside it. Imports the library."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp as llama

from codels.backends import Adapter, llamalog
from codels.errors import ModelError

Adapters = tuple[tuple[Any, float], ...]
"""Handles, which belong to the model and are freed with it, and scales."""


def load(model: Any, wanted: Sequence[Adapter]) -> Adapters:
    """Raises `ModelError` that names the file and the remedy where one cannot be used with this model."""
    return tuple((_load(model, adapter.path), adapter.scale) for adapter in wanted)


def use(context: Any, adapters: Adapters) -> None:
    """All that this context says from now on is said with them."""
    n = len(adapters)
    if n:
        handles = (llama.llama_adapter_lora_p_ctypes * n)(*(handle for handle, _ in adapters))
        scales = (ctypes.c_float * n)(*(scale for _, scale in adapters))
        llama.llama_set_adapters_lora(context, handles, n, scales)


def _load(model: Any, path: str) -> Any:
    if not Path(path).is_file():
        raise ModelError(f"the adapter {path} does not exist; correct its path in the model's card, or remove it there")
    llamalog.listen()
    handle = llama.llama_adapter_lora_init(model, os.fsencode(path))
    if not handle:
        reason = llamalog.reason().rpartition("failed to apply lora adapter: ")[2]
        raise ModelError(
            f"{path} cannot be used as an adapter of this model: {reason.strip()}. Fetch the one that was made for "
            "it, as a GGUF file, or remove it from the model's card"
        )
    if llama.llama_adapter_get_alora_n_invocation_tokens(handle):
        raise ModelError(
            f"{path} is an activated LoRA, which works behind certain words only; take a plain one, or remove it from "
            "the model's card"
        )
    return handle
