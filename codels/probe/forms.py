"""The prompts of a hole: as the family writes it, without the suffix, with markers exchanged, with another file."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from codels.generation import Prompt
from codels.probe import Form, Kind
from codels.probe.holes import Hole
from codels.prompt import Family, Order, Place, Template, render
from codels.prompt.budget import Window
from codels.prompt.families import FAMILIES

_PLACE = Place(path="shop.py", repo="shop", language="python")


def prompt(form: Form, hole: Hole) -> Prompt:
    """What the model is shown; the hole's middle belongs behind it."""
    if form.kind is Kind.PLAIN:
        return _without(form, hole.prefix)
    if form.kind is Kind.BESIDE:
        return _without(form, f"{hole.suffix}\n{hole.prefix}")
    snippets = (hole.snippet,) if form.kind is Kind.REPO and hole.snippet else ()
    family = swapped(form.row) if form.kind is Kind.SWAPPED else form.row
    return render(family, form.order, Window(hole.prefix, hole.suffix, snippets), _PLACE)


def _without(form: Form, prefix: str) -> Prompt:
    """No suffix: that alone is to make the difference. So a begin token stays, where the family wants one, and an
    encoder's marker, without which its decoder knows of no hole.
    """
    family = form.row if form.row.opening else plain(form.row.bos)
    return render(family, Order.PSM, Window(prefix, ""), _PLACE)


def plain(has_bos: bool) -> Family:
    """No markers, for a model that wants a begin token or not."""
    return replace(FAMILIES["plain"], bos=has_bos)


@cache
def swapped(family: Family) -> Family:
    """The same templates with the first two markers exchanged: those before the prefix and the suffix."""
    return replace(family, psm=_exchanged(family.psm), spm=_exchanged(family.spm))


def _exchanged(template: Template) -> Template:
    markers = dict.fromkeys(field for field in template if isinstance(field, str))
    if len(markers) < 2:
        return template
    first, second, *_ = markers
    other = {first: second, second: first}
    return tuple(other.get(field, field) if isinstance(field, str) else field for field in template)


def distinct(forms: tuple[Form, ...]) -> tuple[Form, ...]:
    """Without those that write what an earlier one writes: many families share their markers."""
    return tuple({(f.row.template(f.order), f.row.bos): f for f in reversed(forms)}.values())[::-1]
