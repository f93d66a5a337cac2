"""Stopping llama.cpp inside a call. Imports the library; works on the CPU only."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import llama_cpp as llama

from codels.cancel import CancelToken

Flag = ctypes.Array[ctypes.c_char]


def arm(context: Any, cancel: CancelToken) -> Flag:
    """Let `cancel` stop a call on this context from inside. What is returned must live until the next call of this, or
    the context's end: the library reads it.

    The callback is the C library's strlen on a flag of our own ("" is 0, go on; anything else is true, stop):
    a Python callback would take the interpreter lock for each of the graph's hundreds of nodes.
    """
    flag = ctypes.create_string_buffer(2)
    callback = ctypes.cast(_c_library().strlen, llama.ggml_abort_callback)
    llama.llama_set_abort_callback(context, callback, ctypes.cast(flag, ctypes.c_void_p))
    cancel.on_cancel(lambda: setattr(flag, "value", b"\x01"))
    return flag


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
