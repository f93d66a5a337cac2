"""What serves each role: the model that the settings name, else `codels models use`, else what `ways` chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from codels import backends
from codels.core import Role
from codels.dispatch import skills, ways
from codels.dispatch.ways import Budget, Choice
from codels.errors import BackendMissing, CodelsError, ModelError, UserError
from codels.machine import Machine
from codels.registry import choices, installed, store, uses
from codels.registry.card import ModelCard
from codels.settings import AUTO, Settings

_NONE: Mapping[str, str] = {}

_USE = "`codels models use`"

_OTHERS = "`codels models list` shows the models that can"

UNKNOWN_BYTES = 4_000_000_000
"""For all models together where the system does not say how much memory there is: half of a small laptop's."""


@dataclass(slots=True)
class Selection:
    """`choices` has no entry for a role that depends on the machine, as long as nobody has looked at it.

    `missing` are wanted models of the hub that are not on this machine; `notices` are for the user.
    """

    choices: dict[Role, Choice] = field(default_factory=dict)
    missing: list[ModelCard] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return len(self.choices) < len(Role)


def select(settings: Settings, broken: Mapping[str, str] = _NONE, machine: Machine | None = None) -> Selection:
    """A choice for each role; `machine` None leaves open what depends on it. Never raises.

    `broken` maps ids to why those models cannot be loaded: the dispatcher leaves them out.
    """
    selection = Selection(notices=list(store.user_cards()[1]))
    remembered, problem = choices.read()
    selection.notices += [problem] if problem else []
    here = [candidate for candidate in installed.candidates() if candidate.card.id not in broken]
    for role in Role:
        reason = _take_named(selection, role, settings, remembered.get(role, AUTO))
        if role not in selection.choices:
            budget = _budget(settings, machine, selection.choices.get(Role.COMPLETION))
            choice = ways.choose(role, here, machine, budget) if machine else ways.alone(role, here)
            if choice:
                words = f"{reason}; {choice.reason}" if reason else choice.reason
                selection.choices[role] = replace(choice, reason=words, rejected={**choice.rejected, **broken})
    return selection


def find(name: str) -> ModelCard:
    """The card of a model that can be loaded. Raises `UserError` or `ModelError` where its file is not there, and
    `BackendMissing` where codels cannot run it yet, or a library is not installed.
    """
    card = _card(name)
    if problem := uses.not_yet(card) or backends.lacking(card.backend):
        raise BackendMissing(f"{name} cannot be used yet: {problem}; {_OTHERS}")
    try:
        backends.check(card.backend)
        if not card.remote:
            store.locate(card)
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreadable(name, error) from error
    return card


def is_missing(card: ModelCard) -> bool:
    """Whether a model of the hub could be used and is not on this machine; one that is damaged is."""
    if card.remote or not card.files[0].repo or card.backend not in backends.BACKENDS or uses.not_yet(card):
        return False
    try:
        store.files(card)
    except CodelsError:
        return True
    return False


def limit_bytes(settings: Settings, machine: Machine | None) -> int:
    """What all loaded models may take together."""
    total = machine.total_bytes if machine else 0
    return settings.memory_mb * 1_000_000 or total // 2 or UNKNOWN_BYTES


def _take_named(selection: Selection, role: Role, settings: Settings, remembered: str) -> str:
    """Choose the model that was named for a role. Returns why the dispatcher has to, where that is worth a word."""
    name, source = _named(role, settings, remembered)
    if name == AUTO:
        return ""
    try:
        card = _card(name)
        if is_missing(card):
            selection.missing.append(card)
            return f"{card.id}, which {source} names, is not on this machine"
        if not skills.is_possible(role, card):
            selection.notices.append(f"{skills.misfit(role, card)}; another model serves")
            return f"{card.id} cannot do this"
        need = _served(card, settings) if card.remote else installed.candidate(find(name), {}).need_bytes
        selection.choices[role] = Choice(role, card, f"{source} names it", need_bytes=need)
    except (CodelsError, OSError) as error:  # OSError: the file goes meanwhile
        if source == _USE:
            selection.notices.append(f"{error} (it was chosen with {source}; the best model here serves instead)")
            return f"{name!r:.80}, which {source} chose, cannot be used"
        selection.choices[role] = Choice(role, None, str(error))
        return ""
    leaves = card.remote.notice if card.remote else ""
    selection.notices += filter(None, [skills.misfit(role, card), f"{card.id}: {leaves}" if leaves else ""])
    return ""


def _named(role: Role, settings: Settings, remembered: str) -> tuple[str, str]:
    """The name of a model, or `AUTO`, and who says it."""
    name = settings.wanted(role)
    if name == AUTO:
        return remembered, _USE
    is_short = role is Role.COMPLETION and role not in dict(settings.models)
    return name, "codels.model" if is_short else f"codels.models.{role}"


def _served(card: ModelCard, settings: Settings) -> int:
    """The memory that a model takes here which is served elsewhere: none. Raises `ModelError` where that is forbidden:
    what is on loopback uses no network.
    """
    if settings.offline and card.remote and not card.remote.is_loopback:
        raise ModelError(
            f"{card.id} is served by {card.remote.host}, which is not this machine, and codels.offline is set: choose "
            "a model on this machine, or unset codels.offline"
        )
    return 0


def _budget(settings: Settings, machine: Machine | None, completion: Choice | None) -> Budget:
    """What is left beside the completion's model, which other roles may share."""
    limit = limit_bytes(settings, machine)
    if completion is None or completion.card is None:
        return Budget(limit)
    taken = completion.need_bytes
    return Budget(max(0, limit - taken), completion.card.id, taken if completion.way == "gpu" else 0)


def _card(name: str) -> ModelCard:
    try:
        return store.find(name)
    except (OSError, RuntimeError, ValueError) as error:  # names that no file system takes, homes of nobody
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> UserError:
    reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return UserError(f"the model {name!r:.80} cannot be looked for: {reason}")
