"""What decoding may copy from: more of the open file than a prompt shows, and files that were edited last."""

from __future__ import annotations

from collections.abc import Iterable

from codels.core import Site
from codels.prompt.budget import plain

CHARS_BEFORE = 12_000
CHARS_AFTER = 6_000
CHARS_OTHER = 3_000
"""On each side of another file's last caret."""

MAX_OTHERS = 2


def texts(site: Site, heal: str, recent: Iterable[Site]) -> tuple[str, ...]:
    """The last one ends at the caret, less what is to be spelled again; whole lines but for that end."""
    here = site.snapshot
    others = [s for s in recent if s.snapshot.uri != here.uri and s.snapshot.language == here.language]
    around = [_before(s, CHARS_OTHER) + plain(s.suffix(CHARS_OTHER)) for s in reversed(others[:MAX_OTHERS])]
    return (*around, plain(site.suffix(CHARS_AFTER)), _before(site, CHARS_BEFORE).removesuffix(heal))


def _before(site: Site, n_chars: int) -> str:
    text = plain(site.prefix(n_chars))
    return text if len(text) < n_chars else text.partition("\n")[2] or text
