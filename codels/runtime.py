"""Settings → card → file → backend → engine → completer: the one place that puts them together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace

from codels.backends import LoadSpec, ModelInfo
from codels.cancel import CancelToken
from codels.completion import Completer
from codels.core import Answer, Site
from codels.engine.client import EngineClient, State, Status
from codels.errors import CodelsError, EngineDown, UserError
from codels.prompt import Family, Order
from codels.prompt.families import FAMILIES
from codels.registry import memory, store
from codels.registry.card import ModelCard
from codels.request import Model, Request
from codels.settings import Settings

_MARKERS = tuple(dict.fromkeys(marker for family in FAMILIES.values() for marker in family.all_markers))


class Runtime:
    """A completer with its engine, for as long as the process lives. Belongs to one event loop.

    `on_status` hears every change of the engine; `on_notice` a sentence for the user, each once per model.
    """

    def __init__(self, on_status: Callable[[Status], None], on_notice: Callable[[str], None]) -> None:
        self._on_status = on_status
        self._on_notice = on_notice
        self.engine = EngineClient(self._take_status)
        self._completer = Completer(self.engine)
        self.settings = Settings()
        self.card: ModelCard | None = None
        self.model: Model | None = None
        self._told: set[str] = set()

    async def start(self, process: asyncio.subprocess.Process | None = None) -> None:
        """Start the engine's process, or take over one; `configure` then loads a model."""
        await self.engine.start(process)

    def configure(self, settings: Settings) -> None:
        """Take new settings; a changed model or thread count loads again, and nothing waits for that."""
        if settings.model != self.settings.model:
            self._told.clear()
        is_same = self.card and (settings.model, settings.threads) == (self.settings.model, self.settings.threads)
        self.settings = settings
        for problem in store.user_cards()[1]:
            self._tell(problem)
        if is_same:
            return
        self.model = None
        try:
            self.card = find(settings.model)
            self.engine.load(load_spec(self.card, settings))
        except CodelsError as error:
            self.card = None
            self.engine.fail(str(error))

    async def complete(self, site: Site, is_explicit: bool, cancel: CancelToken) -> Answer:
        """What to offer at `site`, or why nothing. A model that fails is told to the user, once."""
        if self.model is None:
            return Answer(reason=self.engine.status.message)
        try:
            return await self._completer.complete(Request(site, self.model, self.settings, is_explicit, cancel))
        except CodelsError as error:
            if not isinstance(error, EngineDown):  # that one tells by its status
                self._tell(str(error))
            return Answer(reason=str(error))

    def forget(self, uri: str) -> None:
        self._completer.forget(uri)

    async def stop(self) -> None:
        await self.engine.stop()

    def _take_status(self, status: Status) -> None:
        self.model = None
        if status.info and self.card:
            self.model, notice = resolve(self.card, status.info)
            if notice:
                self._tell(notice)
        if status.state is State.FAILED:
            self._tell(status.message)
        self._on_status(status)

    def _tell(self, notice: str) -> None:
        if notice not in self._told:
            self._told.add(notice)
            self._on_notice(notice)


def find(name: str) -> ModelCard:
    """The card of a model whose file is there. Raises `UserError` or `ModelError` where it is not."""
    try:
        card = store.find(name)
        store.locate(card)
    except (OSError, RuntimeError, ValueError) as error:  # names that no file system takes, homes of nobody
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise UserError(f"the model {name!r:.80} cannot be looked for: {reason}") from error
    return card


def load_spec(card: ModelCard, settings: Settings) -> LoadSpec:
    """Raises `ModelError` where the file is not as the card says."""
    threads = settings.threads or max(1, (os.cpu_count() or 2) - 1)
    window, path = memory.context_window(card), str(store.locate(card))
    return LoadSpec(card.backend, path, window, threads, _MARKERS, card.copy_weights, card.beams)


def resolve(card: ModelCard, info: ModelInfo) -> tuple[Model, str]:
    """How the loaded model is to be prompted, and a sentence where that is less than its card promises.

    The card names the family; without a card the vocabulary decides, never the file's name.
    """
    known = set(info.markers)
    if card.family:
        family, order = FAMILIES[card.family], card.order
        missing = [m for m in family.template(order) if isinstance(m, str) and m not in known]
        if not missing:
            return _model(card, info, family, order), ""
        notice = f"{card.id}: its vocabulary has no {missing[0]}, which family {family.name} needs"
    else:
        fitting = _fitting(known)
        if fitting:
            family, *others = fitting
            order = Order.PSM if family.psm and not family.is_own else Order.SPM
            also = f"; {', '.join(other.name for other in others)} would fit as well" if others else ""
            said = f"{card.id} has no card: its vocabulary has the fill-in-the-middle markers of family {family.name}"
            return _model(card, info, family, order), f"{said}, which are used{also}"
        notice = f"{card.id} has no fill-in-the-middle tokens"
    plain = _model(card, info, FAMILIES["plain"], Order.PSM)
    return plain, f"{notice}; it only sees the text before the caret"


def _fitting(known: set[str]) -> list[Family]:
    """The families whose markers are all there and of whose other markers the fewest are missing; the richest first."""
    families = [f for f in FAMILIES.values() if f.markers and not f.opening and known.issuperset(f.markers)]
    n_missing = {f.name: len(set(f.all_markers) - known) for f in families}
    least = min(n_missing.values(), default=0)
    return sorted((f for f in families if n_missing[f.name] == least), key=lambda f: -len(f.all_markers))


def _model(card: ModelCard, info: ModelInfo, family: Family, order: Order) -> Model:
    repo_markers = (*family.repo_psm, *family.repo_spm, *family.file)
    if not {marker for marker in repo_markers if isinstance(marker, str)} <= set(info.markers):
        family = replace(family, repo_psm=(), repo_spm=(), file=())
    copies = bool(card.copy_weights)
    return Model(card.id, family, order, info.context_window, card.languages, card.gate, copies)
