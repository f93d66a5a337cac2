"""One editor's session: carets in, completions out, each request answered exactly once.

What a handler needs beyond converting lives here, without LSP types where they are not needed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from lsprotocol import types as lsp

from codels.cancel import CancelToken
from codels.core import Answer, Site
from codels.lsp.documents import Documents
from codels.runtime import Runtime

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    version: int
    is_explicit: bool
    cancel: CancelToken


class Session:
    """The requests under way, and the last reason for silence."""

    def __init__(self, runtime: Runtime, documents: Documents) -> None:
        self._runtime = runtime
        self._documents = documents
        self._running: dict[str, list[_Running]] = {}
        self.last = Answer(reason="nothing was asked for yet")

    async def complete(self, uri: str, position: lsp.Position, is_explicit: bool) -> tuple[Site, Answer] | None:
        """The answer for a caret, or None where the document is not open or has no such line.

        A newer request for the document ends this one; an answer for an older version of it is dropped.
        """
        site = self._documents.site(uri, position)
        if site is None:
            self.last = Answer(reason=f"{uri} is not open, or has no line {position.line + 1}")
            return None
        running = self._begin(site, is_explicit)
        try:
            answer = await self._runtime.complete(site, is_explicit, running.cancel)
        except Exception as error:  # our own mistake: a log line without the user's text, and silence
            log.error("%s while completing", type(error).__name__)
            answer = Answer(reason=f"unexpected {type(error).__name__}: please report this")
        except BaseException:
            running.cancel.cancel()  # the client's $/cancelRequest arrives as a CancelledError
            raise
        finally:
            self._end(uri, running)
        self.last = self._checked(site, answer)
        log.debug("line %d: %s", site.line + 1, self.last.reason or self.last.origin)
        return site, self.last

    def close(self, uri: str) -> None:
        """The document was closed: nobody can use the answers that are under way."""
        for running in self._running.get(uri, ()):
            running.cancel.cancel()
        self._runtime.forget(uri)

    def _begin(self, site: Site, is_explicit: bool) -> _Running:
        """What was asked for by hand goes on for as long as the document stays as it was."""
        running = _Running(site.snapshot.version, is_explicit, CancelToken())
        all_running = self._running.setdefault(site.snapshot.uri, [])
        for former in all_running:
            if not (former.is_explicit and former.version == running.version):
                former.cancel.cancel()
        all_running.append(running)
        return running

    def _end(self, uri: str, running: _Running) -> None:
        self._running[uri].remove(running)
        if not self._running[uri]:
            del self._running[uri]

    def _checked(self, site: Site, answer: Answer) -> Answer:
        version = self._documents.version(site.snapshot.uri)
        if answer.completions and version != site.snapshot.version:
            return Answer(reason="the document changed meanwhile", stages=answer.stages, stats=answer.stats)
        return answer
