"""A K-quant of a GGUF file, made by llama.cpp's own quantiser."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import llama_cpp

from recipe import K_QUANT_BLOCK, Shape

KINDS = {"q4_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M, "q6_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K}

LEVEL_ERROR = 4
"""llama.cpp tells a line for every tensor; only errors are shown."""


def fits(shape: Shape) -> bool:
    """Whether every row is a multiple of a K-quant's block; else llama.cpp takes other, larger types."""
    return shape.d % K_QUANT_BLOCK == 0 and shape.ff % K_QUANT_BLOCK == 0


def quantise(source: Path, target: Path, kind: str, threads: int = 1) -> None:
    """Reads an F32 file and writes `target`; metadata comes along."""
    llama_cpp.llama_log_set(_show_error, ctypes.c_void_p(0))
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = KINDS[kind]
    params.nthread = threads
    code = llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), params)
    if code:
        sys.exit(f"llama.cpp cannot make {kind} of {source} (it answered {code})")


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _show_error(level: int, text: bytes, _data: object) -> None:
    if level == LEVEL_ERROR:
        sys.stderr.write(text.decode("utf-8", "replace"))
