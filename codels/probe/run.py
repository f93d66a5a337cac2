"""Asks a model for the scores that a verdict needs: few, one after the other, no longer than `TIME_S` where it can."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from codels.backends import Score
from codels.generation import Prompt
from codels.probe import Form, Kind, Subject, Verdict, forms, judge
from codels.probe.holes import HOLES, REPO_HOLES, Hole
from codels.probe.judge import Measured, Without
from codels.prompt import Order

TIME_S = 20.0
"""After that no further hole is begun."""

MIN_HOLES = 3
"""Are scored however long it takes: fewer would prove nothing."""

Scoring = Callable[[Prompt, str], Awaitable[Score]]
OnProgress = Callable[[float], None]


async def probe(
    subject: Subject, score: Scoring, on_progress: OnProgress, now: Callable[[], float] = time.monotonic
) -> Verdict:
    """The verdict on a model whose `score` is given. Raises what that raises."""
    return await _Probe(subject, score, on_progress, now).run()


class _Probe:
    def __init__(self, subject: Subject, score: Scoring, on_progress: OnProgress, now: Callable[[], float]) -> None:
        self._subject, self._score, self._now = subject, score, now
        self._on_progress = on_progress
        self._holes = HOLES[subject.language]
        self._plain = Form(subject.asked[0].family, Order.PSM, Kind.PLAIN)
        self._beside = replace(self._plain, kind=Kind.BESIDE)
        self._table: dict[Form, Measured] = {}
        self._n_known = len(self._holes)
        self._n_done, self._n_planned = 0, (len(forms.distinct(subject.asked)) + 3) * len(self._holes)

    async def run(self) -> Verdict:
        asked = forms.distinct(self._subject.asked)
        await self._bounded((self._plain, *asked))
        found = await self._best(asked)
        others = tuple(form for form in forms.distinct((*asked, *self._subject.others)) if form not in asked)
        if found is None and others:
            await self._all(others)
            found = await self._best(others)
        is_exchanged = False
        for form in [found] if found else asked:
            other = replace(form, kind=Kind.SWAPPED)
            await self._all((other,))
            if judge.is_swapped(self._table[other], self._table[form], self._without):
                found, is_exchanged = form, True
                break
        has_repo = bool(found and not is_exchanged) and await self._has_repo(found)
        return judge.verdict(self._subject, self._table, found, is_exchanged, has_repo, self._n_known)

    @property
    def _without(self) -> Without:
        return Without(self._table[self._plain], self._table.get(self._beside))

    async def _best(self, among: tuple[Form, ...]) -> Form | None:
        """What the suffix is worth elsewhere is only asked where nothing is sure without it."""
        found = judge.best(self._table, self._without, among)
        if found or self._beside in self._table:
            return found
        await self._all((self._beside,))
        return judge.best(self._table, self._without, among)

    async def _bounded(self, all_forms: tuple[Form, ...]) -> None:
        """Hole by hole; those that there is no time for are left out from here on."""
        started, rows = self._now(), list[tuple[Score, ...]]()
        for number, hole in enumerate(self._holes, 1):
            rows.append(tuple([await self._ask(form, hole) for form in all_forms]))
            spent_s = self._now() - started
            if number >= MIN_HOLES and spent_s * (number + 1) / number > TIME_S:
                break
        self._holes = self._holes[: len(rows)]
        columns = zip(*rows, strict=True)
        self._table |= {form: Measured(form, scores) for form, scores in zip(all_forms, columns, strict=True)}

    async def _all(self, all_forms: tuple[Form, ...]) -> None:
        for form in all_forms:
            self._table[form] = Measured(form, tuple([await self._ask(form, hole) for hole in self._holes]))

    async def _has_repo(self, form: Form | None) -> bool:
        wanted = form and replace(form, kind=Kind.REPO)
        if form is None or wanted is None or wanted not in self._subject.repos:
            return False
        middle = Measured(form, tuple([await self._ask(form, hole) for hole in REPO_HOLES]))
        repo = Measured(wanted, tuple([await self._ask(wanted, hole) for hole in REPO_HOLES]))
        self._table[wanted] = repo
        return judge.has_repo(repo, middle)

    async def _ask(self, form: Form, hole: Hole) -> Score:
        score = await self._score(forms.prompt(form, hole), hole.middle)
        self._n_done += 1
        self._on_progress(min(1.0, self._n_done / self._n_planned))
        return score
