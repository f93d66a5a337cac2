"""What llama.cpp last complained of. Imports the library."""

from __future__ import annotations

import ctypes
import re
from collections import deque

import llama_cpp as llama

_errors: deque[str] = deque(maxlen=4)
_LEVEL_ERROR = 4

_CALLER = re.compile(r"^(?:\w+: )*(?:error loading model: )?(?:\w+: )*")
"""The names of functions before what they say."""

_SAYS_NOTHING = re.compile(r"failed to load model( from .*)?")


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(level: int, text: bytes, _data: object) -> None:
    if level == _LEVEL_ERROR:
        _errors.append(text.decode("utf-8", "replace").strip())


def listen() -> None:
    """Hear the library from now on, instead of letting it print; what it said before is forgotten."""
    llama.llama_log_set(_on_log, ctypes.c_void_p(0))
    _errors.clear()


def reason() -> str:
    """The last errors, in its own words, but for those that only say that something failed."""
    said = dict.fromkeys(_CALLER.sub("", error) for error in _errors)
    return "; ".join(text for text in said if not _SAYS_NOTHING.fullmatch(text)) or "llama.cpp gave no reason"
