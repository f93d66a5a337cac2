"""Models in several files: their names say which part each is, and llama.cpp finds the others by the first one's."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<n>\d{5})(?P<ending>\.gguf)", re.I)
"""As llama.cpp's gguf-split names them."""


def parts(path: str) -> tuple[str, ...]:
    """All files of the model that `path` is a part of, the first one first; of a whole model just itself."""
    match = _PART.fullmatch(path)
    if not match:
        return (path,)
    n = int(match["n"])
    return tuple(f"{match['stem']}-{number:05}-of-{n:05}{match['ending']}" for number in range(1, n + 1))


def check(paths: Sequence[str]) -> None:
    """Raises `ValueError` where a part of a model stands among `paths` without all the others, in their order."""
    for path in paths:
        wanted = parts(path)
        if len(wanted) > 1 and [other for other in paths if other in wanted] != list(wanted):
            missing = next((part for part in wanted if part not in paths), "")
            reason = f"{missing} is missing" if missing else f"{wanted[0]} must come first, and the others in order"
            raise ValueError(f"{path} is a part of a model, and all parts must be named: {reason}")
