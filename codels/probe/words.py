"""What a verdict means, in words: one sentence for the user, a few lines for `codels doctor`."""

from __future__ import annotations

import math
from collections.abc import Iterator

from codels.probe import Finding, Form, Kind, Verdict
from codels.prompt import Order

ORDERS = {Order.PSM: "prefix first", Order.SPM: "suffix first"}

BLIND = "it only sees the text before the caret"

_CANNOT = {
    Finding.SWAPPED: "its markers for prefix and suffix are swapped, so the file was converted wrongly: convert it "
    "again or fetch another one",
    Finding.LOST: "it is an instruct variant that lost fill-in-the-middle: use the base model for completion",
    Finding.UNTRAINED: "its fill-in-the-middle markers exist but were never trained: choose another model",
    Finding.BROKEN: "what it computes is no number, so the file is damaged: fetch it again, or choose another model",
}


def reason(verdict: Verdict) -> str:
    """Why the model cannot fill in the middle, with the remedy and the numbers."""
    said = _CANNOT[verdict.finding]
    return said if verdict.finding is Finding.BROKEN else f"{said} ({numbers(verdict)})"


def numbers(verdict: Verdict) -> str:
    """By how much the suffix helps."""
    kind = Kind.SWAPPED if verdict.finding is Finding.SWAPPED else Kind.MIDDLE
    plain, form = verdict.number(Kind.PLAIN), verdict.number(kind, verdict.form)
    gain = form.mean - plain.mean if form and plain else 0.0
    said = f"{abs(gain):.2f} nats a token {'better' if gain >= 0 else 'worse'}"
    said += f" than without the suffix, on {holes(verdict)}"
    return f"with the two exchanged {said}" if kind is Kind.SWAPPED else said


def holes(verdict: Verdict) -> str:
    if verdict.n_holes == verdict.n_known:
        return f"{verdict.n_holes} holes"
    return f"{verdict.n_holes} of {verdict.n_known} holes, as this machine is slow"


def lines(verdict: Verdict) -> Iterator[str]:
    """For a person who wants to know it exactly."""
    if verdict.can_fill:
        yield f"✓ fills in the middle: family {verdict.form.family}, {ORDERS[verdict.form.order]} ({numbers(verdict)})"
    else:
        yield f"✗ does not fill in the middle: {reason(verdict)}; {BLIND}"
        yield "    `probe = false` in its card makes codels believe the card instead"
    width = max((len(name(number.form)) for number in verdict.numbers), default=0)
    for number in verdict.numbers:
        if number.form.kind is not Kind.REPO:
            said = f"{name(number.form):<{width}} {number.mean:6.2f} nats a token, ends with a chance of "
            yield f"    {said}{math.exp(number.end):.0%}"
    if (repo := verdict.number(Kind.REPO)) is not None:
        said = "other files are read" if verdict.has_repo else "other files do not help, so they are not shown"
        yield f"    {name(repo.form):<{width}} {repo.mean:6.2f} nats a token: {said}"


def name(form: Form) -> str:
    """Of a row in a table."""
    if form.kind is Kind.PLAIN:
        return "without the suffix"
    if form.kind is Kind.BESIDE:
        return "the suffix before it, as text"
    tail = {Kind.SWAPPED: ", markers exchanged", Kind.REPO: ", with a file"}.get(form.kind, "")
    return f"{form.family}, {ORDERS[form.order]}{tail}"
