"""Where text that looks like a marker may be cut, so that no tokenizer takes it for one and no token changes."""

from __future__ import annotations

import re
from functools import cache

MARKER = re.compile(r"<[|｜].*[|｜]>|<pad>|\[PAD\d+\]|<unused\d+>")
"""Added tokens that no user's text means, though their vocabulary may call them ordinary ones."""


@cache
def seams(markers: tuple[str, ...]) -> re.Pattern[str]:
    """Matches between the signs that a marker begins with and its first letter, where the rest of it follows.

    Tokenizers split there by themselves, before they look for tokens: the pieces have the tokens of the whole.
    """
    heads = [(marker, _n_signs(marker)) for marker in markers if len(marker) > 1]
    places = (f"(?<={re.escape(marker[:n])})(?={re.escape(marker[n:])})" for marker, n in heads)
    return re.compile("|".join(places) or "(?!)")


def _n_signs(marker: str) -> int:
    """How many signs stand before the first letter; one where there is no letter behind signs."""
    n = next((n for n, char in enumerate(marker) if char.isalnum()), 0)
    return n or 1
