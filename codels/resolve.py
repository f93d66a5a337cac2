"""How a loaded model is to be prompted: by the verdict of the probe, else by its card, else by its vocabulary.

Never by its name. What differs from the card's promise is said in a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from codels.backends import ModelInfo
from codels.core import Skill
from codels.probe import Form, Kind, Subject, Verdict, words
from codels.probe.forms import plain
from codels.probe.holes import language_for
from codels.prompt import Family, Order, Template, budget
from codels.prompt.families import FAMILIES
from codels.registry.card import ModelCard
from codels.request import Model


def resolve(card: ModelCard, info: ModelInfo, verdict: Verdict | None = None) -> tuple[Model, str]:
    """The model as prompts need it, and a sentence where that is not what its card says, or where it has none."""
    if verdict and verdict.can_fill:
        family, order = FAMILIES[verdict.form.family], verdict.form.order
        return _model(card, info, family, order, verdict.has_repo), _found(card, verdict)
    if verdict:
        return _plain(card, info, verdict.form.row, words.reason(verdict))
    return _unproven(card, info)


def subject(card: ModelCard, info: ModelInfo) -> Subject | None:
    """What the probe is to find out; None where it cannot, or where nobody says that the model fills in the middle."""
    family, language = FAMILIES.get(card.family), language_for(card.languages)
    is_other_kind = family and (not family.markers or bool(family.opening) is not info.has_encoder)
    if is_other_kind or not (card.probe and info.can_score and language):
        return None
    known = set(info.markers)
    written = tuple(_forms([family], known, card.order)) if family else ()
    fitting = tuple(_forms(_fitting(info), known))
    asked, others = (written, fitting) if written else (fitting, ())
    if not asked:
        return None
    repos = tuple(replace(form, kind=Kind.REPO) for form in (*asked, *others) if _has_repo(form, known))
    is_instruct = info.has_chat_template or Skill.INSTRUCT in card.skills
    return Subject(asked, tuple(form for form in others if form not in asked), repos, language, is_instruct)


def skills(model: Model, info: ModelInfo) -> list[Skill]:
    """What a card of a loaded model can say that it does."""
    if not info.can_write:
        return [Skill.EMBED]
    if info.has_encoder:
        return [Skill.FIM, Skill.SEQ2SEQ] if model.family.markers else [Skill.SEQ2SEQ]
    return [Skill.FIM if model.family.markers else Skill.PREFIX]


def _found(card: ModelCard, verdict: Verdict) -> str:
    """What the verdict has found that the card does not say; empty where they agree."""
    form, by = verdict.form, words.numbers(verdict)
    order = words.ORDERS[form.order]
    if not card.family:
        return f"no card names the family of {card.id}: it fills in the middle as family {form.family}, {order} ({by})"
    if card.family != form.family:
        said = f"its card says family {card.family}, but it fills in the middle as family {form.family}, {order}"
    elif card.order is not form.order:
        said = f"its card says {words.ORDERS[card.order]}, but it fills in the middle better {order}"
    else:
        return ""
    return f"{card.id}: {said} ({by}); that is used: correct its card"


def _unproven(card: ModelCard, info: ModelInfo) -> tuple[Model, str]:
    known = set(info.markers)
    if not info.can_write:
        model = _model(card, info, FAMILIES["plain"], Order.PSM, has_repo=False)
        return model, f"{card.id}: it turns text into vectors and writes none: choose another model for completion"
    if card.family:
        family, order = FAMILIES[card.family], card.order
        if _is_known(family.template(order), known):
            return _model(card, info, family, order, has_repo=True), ""
        missing = next(m for m in family.template(order) if isinstance(m, str) and m not in known)
        return _plain(card, info, family, _missing(missing, family, info))
    if fitting := _fitting(info):
        family, *others = fitting
        also = f"; {', '.join(other.name for other in others)} would fit as well" if others else ""
        said = f"its vocabulary has the fill-in-the-middle markers of family {family.name}, which are used{also}"
        model = _model(card, info, family, default_order(family), has_repo=True)
        return model, f"no card names the family of {card.id}: {said}"
    converted = next((f for f in FAMILIES.values() if f.markers and not f.opening and _is_near(f, info)), None)
    if converted:
        missing = next(marker for marker in converted.markers if marker not in known)
        return _plain(card, info, converted, _missing(missing, converted, info))
    return _plain(card, info, FAMILIES["plain"], "it has no fill-in-the-middle tokens")


def _missing(marker: str, family: Family, info: ModelInfo) -> str:
    """Why a marker cannot be said, and what helps."""
    if marker in info.ordinary:
        return (
            f"its vocabulary has {marker}, which family {family.name} needs, as an ordinary token and not as a special "
            "one, so the file was converted wrongly: convert it again, or fetch another one"
        )
    return f"its vocabulary has no {marker}, which family {family.name} needs: correct the family in its card"


def default_order(family: Family) -> Order:
    """Where nobody has written one down."""
    return Order.PSM if family.psm and not family.is_own else Order.SPM


def _forms(families: list[Family], known: set[str], first: Order | None = None) -> Iterator[Form]:
    """What the vocabulary can say of these families, `first` or their usual order before the other one."""
    for family in families:
        order = first or default_order(family)
        for each in (order, *(other for other in Order if other is not order)):
            if family.template(each) and _is_known(family.template(each), known):
                yield Form(family.name, each, Kind.MIDDLE)


def _has_repo(form: Form, known: set[str]) -> bool:
    template = form.row.template(form.order, is_repo=True)
    return bool(template) and _is_known((*template, *form.row.file), known)


def _is_known(template: Template, known: set[str]) -> bool:
    return known.issuperset(field for field in template if isinstance(field, str))


def _is_near(family: Family, info: ModelInfo) -> bool:
    """Whether all its markers are in the vocabulary, though some as ordinary tokens."""
    return {*info.markers, *info.ordinary}.issuperset(family.markers)


def _fitting(info: ModelInfo) -> list[Family]:
    """The families whose markers are all there and of whose other markers the fewest are missing.

    First the one that most of the vocabulary's markers speak for, less those that it lacks; it is among them anyway.
    """
    known = set(info.markers)
    families = [f for f in FAMILIES.values() if f.markers and known.issuperset(f.markers)]
    families = [f for f in families if bool(f.opening) is info.has_encoder]
    n_missing = {f.name: len(set(f.all_markers) - known) for f in families}
    families.sort(key=lambda f: 2 * n_missing[f.name] - len(f.all_markers))
    least = min(n_missing.values(), default=0)
    return families[:1] + [f for f in families[1:] if n_missing[f.name] == least]


def _plain(card: ModelCard, info: ModelInfo, family: Family, reason: str) -> tuple[Model, str]:
    """Prefix-only, with the begin token that `family` wants."""
    model = _model(card, info, plain(family.bos), Order.PSM, has_repo=False)
    return model, f"{card.id}: {reason}; {words.BLIND}"


def _model(card: ModelCard, info: ModelInfo, family: Family, order: Order, has_repo: bool) -> Model:
    is_sayable = _is_known((*family.repo_psm, *family.repo_spm, *family.file), set(info.markers))
    if not (has_repo and is_sayable):
        family = replace(family, repo_psm=(), repo_spm=(), file=())
    copies, max_chars = bool(card.copy_weights), 0 if info.is_on_gpu else budget.MAX_CHARS
    languages, window = card.languages, info.context_window
    return Model(card.id, family, order, window, languages, card.gate, copies, max_chars, info.can_heal)
