"""Loads a transformers model from a folder on this machine. Imports torch and transformers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers import __version__ as version
from transformers.utils import logging

from codels import hardware
from codels.backends import LoadSpec, ModelInfo, OnProgress, hffolder, hfplan
from codels.backends.hffolder import Folder
from codels.backends.hfmodel import Context
from codels.backends.hfplan import Gpu, Plan
from codels.backends.hfvocab import Vocabulary
from codels.errors import ModelError, UserError

MAX_NAMED = 3
"""Weights that an error names."""


def open_planned(spec: LoadSpec, on_progress: OnProgress) -> tuple[Context, ModelInfo]:
    """Raises `ModelError` with the reason in words."""
    folder = hffolder.read(Path(spec.path))
    if spec.adapters:
        raise UserError("adapters work with llama.cpp's models only so far: remove them from the card")
    plan = hfplan.choose(folder, spec, _gpu(), hardware.free_ram()[0])
    is_on_gpu = plan.device != "cpu"
    if not on_progress(0.0, plan.device_name if is_on_gpu else ""):
        raise ModelError(f"loading {folder.path} was stopped")
    torch.set_num_threads(max(1, spec.threads))
    model = _opened(folder, plan)
    vocabulary = Vocabulary(folder, int(model.get_output_embeddings().weight.shape[0]))
    if not on_progress(1.0, plan.device_name if is_on_gpu else ""):
        raise ModelError(f"loading {folder.path} was stopped")
    info = ModelInfo(
        f"{type(model).__name__}, {folder.n_weights / 1e6:,.0f} M weights, {plan.dtype}",
        plan.window,
        tuple(marker for marker in spec.markers if marker in vocabulary.special),
        tuple(marker for marker in spec.markers if vocabulary.has_ordinary(marker)),
        folder.has_chat_template,
        can_score=True,
        device=plan.device_name,
        plan=plan.sentences,
        is_on_gpu=is_on_gpu,
        can_embed=True,
    )
    return Context(model, vocabulary, plan), info


def _gpu() -> Gpu | None:
    """Torch's first CUDA device."""
    if not torch.cuda.is_available():
        return None
    free, _total = torch.cuda.mem_get_info(0)
    return Gpu(torch.cuda.get_device_name(0), free, torch.cuda.is_bf16_supported())


def _opened(folder: Folder, plan: Plan) -> Any:
    """The model, on its device. No network, no code of the folder's, no pickle, no bars on a terminal."""
    library: Any = AutoModelForCausalLM
    log: Any = logging
    log.disable_progress_bar()
    log.set_verbosity_error()
    try:
        model, said = library.from_pretrained(
            os.fspath(folder.path),
            dtype=getattr(torch, plan.dtype),
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # else they are told on standard error; `_check_whole` names them
            output_loading_info=True,
        )
        _check_whole(folder, said)
        _check_kind(folder, model)
        return model.to(plan.device).eval()
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelError(
            f"there is no memory for {folder.path}: close other programs, or choose a smaller model"
        ) from error
    except (ValueError, KeyError, OSError, RuntimeError, ImportError, AttributeError, TypeError) as error:
        raise ModelError(f"{folder.path} cannot be loaded, {_remedied(folder, error)}") from error


def _check_whole(folder: Folder, said: dict[str, Any]) -> None:
    """What is missing would be made up by chance."""
    shapes = [row[0] if isinstance(row, tuple) else row for row in said.get("mismatched_keys", ())]
    for words, names in (("lacks", said["missing_keys"]), ("has, in other shapes than its config.json says,", shapes)):
        if names:
            named = sorted(map(str, names))
            more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
            raise ModelError(
                f"{folder.path} {words} {', '.join(named[:MAX_NAMED])}{more}: its weights and config.json do not "
                "belong together; fetch the model again"
            )


def _check_kind(folder: Folder, model: Any) -> None:
    """A state that is no keys and values cannot go back to an earlier token, which every keystroke needs."""
    if getattr(model, "_is_stateful", False):
        raise ModelError(
            f"{folder.path} is a recurrent model ({type(model).__name__}), which the transformers back end does not "
            "run: use its .gguf file with llama.cpp"
        )


def _remedied(folder: Folder, error: Exception) -> str:
    """What the library says, and what helps."""
    if "auto_map" in folder.config:
        return (
            "it needs Python code of its own, which could do anything on your machine, so codels does not run it: "
            "choose a model that transformers knows, or its .gguf file"
        )
    reason = " ".join(str(error).split())[:160]
    if folder.config.get("model_type") and "model type" in reason:
        return (
            f"transformers {version} does not know its kind ({folder.config['model_type']}): a newer one may "
            "(`pip install --upgrade transformers`)"
        )
    return f"transformers {version} says: {type(error).__name__}: {reason}"
