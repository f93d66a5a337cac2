"""A K-quant of a GGUF file, made by llama.cpp's own quantiser, which is loaded for it only."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import gguf

from recipe import K_QUANT_BLOCK, Shape

KINDS = {"q4_k_m": gguf.LlamaFileType.MOSTLY_Q4_K_M, "q6_k": gguf.LlamaFileType.MOSTLY_Q6_K}

LEVEL_ERROR = 4
"""llama.cpp tells a line for every tensor; only errors are shown."""


def fits(shape: Shape) -> bool:
    """Whether every row is a multiple of a K-quant's block; else llama.cpp takes other, larger types."""
    return shape.d % K_QUANT_BLOCK == 0 and shape.ff % K_QUANT_BLOCK == 0


def quantise(source: Path, target: Path, kind: str, threads: int = 1) -> None:
    """Reads an F32 file and writes `target`; metadata comes along."""
    import llama_cpp

    show_error = llama_cpp.llama_log_callback(_show_error)
    llama_cpp.llama_log_set(show_error, ctypes.c_void_p(0))
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = KINDS[kind].value
    params.nthread = threads
    code = llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), params)
    llama_cpp.llama_log_set(llama_cpp.llama_log_callback(0), ctypes.c_void_p(0))
    if code:
        sys.exit(f"llama.cpp cannot make {kind} of {source} (it answered {code})")


def _show_error(level: int, text: bytes, _data: object) -> None:
    if level == LEVEL_ERROR:
        sys.stderr.write(text.decode("utf-8", "replace"))
