"""Models that are wanted and not on this machine: the user is asked, and what may be fetched is.

Each model is asked about once in a session. Until it is there, another one serves.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from lsprotocol import types as lsp

from codels.cancel import CancelToken
from codels.errors import CodelsError, Stopped
from codels.lsp.progress import Bar
from codels.lsp.protocol import Server
from codels.registry import memory
from codels.registry.card import ModelCard
from codels.registry.progress import Progress, line
from codels.sizes import size_text

log = logging.getLogger(__name__)

YES, NO = "Download", "Not now"


class Downloads:
    """`tell` takes sentences for the user; `on_done` hears of each model that has come."""

    def __init__(self, server: Server, tell: Callable[[str], None], on_done: Callable[[], None]) -> None:
        self._server = server
        self._tell = tell
        self._on_done = on_done
        self._is_begun = False
        self._waiting: list[ModelCard] = []
        self._asked: set[tuple[str, bool]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_offline: Callable[[], bool] = lambda: False

    def want(self, card: ModelCard) -> None:
        """Ask for a model, unless that was done. What comes before the handshake is over waits for that."""
        key = card.id, self.is_offline()
        if not self._is_begun:
            self._waiting.append(card)
        elif key not in self._asked:
            self._asked.add(key)
            self._run(self._offer(card))

    def begin(self) -> None:
        """The handshake is over."""
        self._is_begun = True
        for card in self._waiting:
            self.want(card)

    async def _offer(self, card: ModelCard) -> None:
        if self.is_offline():
            self._tell(
                f"{card.id} is not on this machine, and codels.offline is set: {_size(card)} of "
                f"{card.files[0].repo} on the hub would be needed; another model serves"
            )
        elif await self._ask(card):
            await self._pull(card)

    async def _ask(self, card: ModelCard) -> bool:
        """Whether the user says yes. A client that cannot ask shows how it is fetched by hand."""
        message = f"codels: {_named(card)} is not on this machine; until it is, another model serves. Download it?"
        actions = [lsp.MessageActionItem(YES), lsp.MessageActionItem(NO)]
        request = lsp.ShowMessageRequestParams(lsp.MessageType.Info, message, actions)
        try:
            answer: Any = await self._server.window_show_message_request_async(request)
        except Exception as error:
            log.warning("the editor did not ask for a download (%s)", type(error).__name__)
            self._tell(f"{_named(card)} is not on this machine: `codels models pull {card.id}` fetches it")
            return False
        return getattr(answer, "title", "") == YES

    async def _pull(self, card: ModelCard) -> None:
        """Fetch it; whoever says stop, and whatever goes wrong, what has come is kept for the next time."""
        cancel = CancelToken()
        bar = Bar(self._server, f"downloading {card.id}", cancel.cancel)
        try:
            await _in_thread(card, bar, cancel, self.is_offline())
        except Stopped as error:
            bar.end(f"{card.id}: {error}")
        except CodelsError as error:
            bar.end(f"{card.id} could not be downloaded")
            self._tell(f"{card.id} could not be downloaded: {error}")
        else:
            bar.end(f"{card.id} is here")
            self._on_done()

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _in_thread(card: ModelCard, bar: Bar, cancel: CancelToken, is_offline: bool) -> None:
    """Pull in a thread that no exit waits for: a pull that ends anywhere can go on. Raises `CodelsError`."""
    from codels.registry.pull import Talk, pull

    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def say(act: Callable[..., None], *values: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: the server has ended
            loop.call_soon_threadsafe(act, *values)

    def report(progress: Progress) -> None:
        say(bar.report, line(progress), progress.done_bytes / max(1, progress.total_bytes))

    def run() -> None:
        try:
            pull(card, Talk(lambda sentence: log.info("%s", sentence), report), cancel, is_offline)
        except CodelsError as error:
            say(done.set_exception, error)
        except Exception as error:
            say(done.set_exception, CodelsError(f"unexpected {type(error).__name__}: please report this"))
        else:
            say(done.set_result, None)

    threading.Thread(target=run, name=f"pull {card.id}", daemon=True).start()
    await done


def _named(card: ModelCard) -> str:
    """Title, size and licence, with what restricts the use."""
    note = f" ({card.license_note})" if card.license_note else ""
    about = [card.title, _size(card), f"licence {card.license or 'unknown'}{note}"]
    return f"{card.id} ({', '.join(filter(None, about))})"


def _size(card: ModelCard) -> str:
    """Of the files that would be fetched."""
    chosen = card.quantisations[0]
    published = [file.size for file in card.needed(chosen) if file.repo]
    if all(published):
        return size_text(sum(published))
    weights = memory.estimate(card, chosen, 0).weights_bytes
    return f"about {size_text(weights)}" if weights else "a file of unknown size"
