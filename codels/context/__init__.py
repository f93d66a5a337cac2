"""What else may help the model: other places of the workspace, as snippets.

A source is a function; add one by writing a file here and its line in `SOURCES`. A source that fails is logged
and skipped: a keystroke is never lost to it. The current file needs no source: its window is the budget's work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from codels.core import Site, Snippet

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a source may look at besides the site itself."""

    recent: tuple[Site, ...] = ()
    """The last caret in each document, the newest first."""


ContextSource = Callable[[Site, Workspace], Iterable[Snippet]]

SOURCES: tuple[ContextSource, ...] = ()


def gather(site: Site, workspace: Workspace, sources: Sequence[ContextSource] = SOURCES) -> tuple[Snippet, ...]:
    """The snippets of all sources, in their order."""
    snippets: list[Snippet] = []
    for source in sources:
        try:
            snippets.extend(source(site, workspace))
        except Exception as error:
            log.warning("context source %s failed and is skipped (%s)", source.__name__, type(error).__name__)
            log.debug("its traceback", exc_info=True)  # which may quote the user's code
    return tuple(snippets)
