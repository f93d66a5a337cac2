"""The probe with models that are functions: what is asked, what is found, what it says."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from codels.backends import Score
from codels.errors import EngineDown
from codels.generation import Prompt
from codels.probe import Finding, Form, Kind, Subject, Verdict, forms, words
from codels.probe.holes import HOLES, REPO_HOLES, language_for
from codels.probe.run import MIN_HOLES, TIME_S, probe
from codels.prompt import Order
from codels.prompt.families import FAMILIES

PLAIN = (-4.0, -9.0)
GOOD = (-0.2, -0.1)
FAIR = (-2.0, -1.0)

PRE, SUF, MID = "<fim_prefix>", "<fim_suffix>", "<fim_middle>"
PSM, SPM = f"{PRE}…{SUF}…{MID}", f"{PRE}{SUF}…{MID}…"
PSM_SWAPPED, SPM_SWAPPED = f"{SUF}…{PRE}…{MID}", f"{SUF}{PRE}…{MID}…"
REFACT = PSM_SWAPPED
BESIDE = "suffix before the prefix"
NO_NUMBER = (math.nan, math.nan)
REPO = f"<repo_name>…<file_sep>…<file_sep>{PSM}"


def form(name: str = "starcoder2", order: Order = Order.PSM, kind: Kind = Kind.MIDDLE) -> Form:
    return Form(name, order, kind)


STARCODER2 = Subject((form(), form(order=Order.SPM)), repos=(form(kind=Kind.REPO),))


class Model:
    """Answers by the markers of a prompt, each token and the end; takes `seconds` for each score."""

    def __init__(self, scores: Mapping[str, tuple[float, float]], seconds: float = 0.0) -> None:
        self._scores = {"…": PLAIN, BESIDE: (-2.2, -9.0), **scores}
        self._seconds, self.clock_s, self.n_asked = seconds, 0.0, 0

    async def score(self, prompt: Prompt, text: str) -> Score:
        self.n_asked += 1
        self.clock_s += self._seconds
        shape = "".join(part.text if part.special else "…" for part in prompt.parts)
        if shape == "…" and any(prompt.parts[0].text.startswith(hole.suffix) for hole in HOLES["python"]):
            shape = BESIDE
        each, end = self._scores.get(shape, (-6.0, -9.0))
        return Score((each,) * len(text), end)


def found(
    model: Model, subject: Subject = STARCODER2, told: Callable[[float], None] = lambda _fraction: None
) -> Verdict:
    return asyncio.run(probe(subject, model.score, told, lambda: model.clock_s))


FINDINGS = [
    # what is likely, what is found, in which order, the file's form
    ({PSM: GOOD, SPM: FAIR}, Finding.FILLS, Order.PSM, False),
    ({PSM: GOOD}, Finding.FILLS, Order.PSM, False),
    ({PSM: FAIR, SPM: GOOD}, Finding.FILLS, Order.SPM, False),
    ({SPM: GOOD}, Finding.FILLS, Order.SPM, False),
    ({PSM: (-0.3, -0.2), SPM: GOOD}, Finding.FILLS, Order.PSM, False),  # hardly better: as it is written
    ({PSM: GOOD, REPO: (-0.1, -0.1)}, Finding.FILLS, Order.PSM, False),
    ({}, Finding.UNTRAINED, Order.PSM, False),
    ({PSM: PLAIN, SPM: PLAIN}, Finding.UNTRAINED, Order.PSM, False),
    ({PSM: (-3.7, -1.0)}, Finding.UNTRAINED, Order.PSM, False),  # too little for a suffix that tells all
    ({PSM: (-2.0, -4.0)}, Finding.UNTRAINED, Order.PSM, False),  # it hardly knows one
    ({PSM: (-2.0, -8.5)}, Finding.UNTRAINED, Order.PSM, False),  # it sees the name and knows no end
    ({PSM: (-1.6, -4.0)}, Finding.FILLS, Order.PSM, False),  # in its place the suffix is worth more than anywhere else
    ({PSM: (-1.6, -4.0), BESIDE: (-1.2, -9.0)}, Finding.UNTRAINED, Order.PSM, False),
    ({"…": NO_NUMBER, PSM: NO_NUMBER}, Finding.BROKEN, Order.PSM, False),
    ({PSM: NO_NUMBER, SPM: GOOD}, Finding.BROKEN, Order.PSM, False),
    ({PSM_SWAPPED: GOOD}, Finding.SWAPPED, Order.PSM, False),
    ({PSM: FAIR, PSM_SWAPPED: GOOD}, Finding.SWAPPED, Order.PSM, False),
    ({PSM: (-0.6, -0.2), PSM_SWAPPED: GOOD}, Finding.FILLS, Order.PSM, False),  # a little better is no proof
    ({SPM_SWAPPED: GOOD}, Finding.SWAPPED, Order.SPM, False),
    ({PSM: GOOD, PSM_SWAPPED: GOOD}, Finding.FILLS, Order.PSM, False),  # it heeds the places, not the names
]


@pytest.mark.parametrize(("scores", "finding", "order", "has_repo"), FINDINGS)
def test_findings(scores: dict[str, tuple[float, float]], finding: Finding, order: Order, has_repo: bool) -> None:
    verdict = found(Model(scores))
    assert (verdict.finding, verdict.form, verdict.has_repo) == (finding, form(order=order), has_repo)
    assert (verdict.n_holes, verdict.n_known) == (8, 8)
    assert verdict.can_fill is (finding is Finding.FILLS)


def test_a_chat_model_has_lost_it() -> None:
    assert found(Model({}), replace(STARCODER2, is_instruct=True)).finding is Finding.LOST
    assert found(Model({PSM: GOOD}), replace(STARCODER2, is_instruct=True)).finding is Finding.FILLS


REPO_ONLY = [
    # with a file, and without one where only it tells what is missing: is its form used?
    (GOOD, True),
    ((-2.6, -0.1), False),
    ((-9.0, -0.1), False),
]


@pytest.mark.parametrize(("score", "has_repo"), REPO_ONLY)
def test_the_form_for_other_files_is_used_where_they_help(score: tuple[float, float], has_repo: bool) -> None:
    class Reader(Model):
        async def score(self, prompt: Prompt, text: str) -> Score:
            found = await super().score(prompt, text)
            is_told = "from " not in "".join(part.text for part in prompt.parts) or prompt.parts[0].text != PRE
            return found if is_told else Score((-3.0,) * len(text), -0.1)

    assert found(Reader({PSM: GOOD, REPO: score})).has_repo is has_repo
    assert not found(Reader({PSM: GOOD, REPO: score}), replace(STARCODER2, repos=())).has_repo


CANDIDATES = [
    # what is likely, the family that is found, its order
    ({PSM: GOOD}, "starcoder2", Order.PSM),
    ({REFACT: GOOD}, "refact", Order.SPM),
    ({REFACT: FAIR, SPM: GOOD}, "starcoder2", Order.SPM),
]


@pytest.mark.parametrize(("scores", "family", "order"), CANDIDATES)
@pytest.mark.parametrize("is_asked", [True, False])
def test_of_families_with_the_same_markers_the_model_chooses(
    scores: dict[str, tuple[float, float]], family: str, order: Order, is_asked: bool
) -> None:
    """Whether the vocabulary alone speaks, or a card names the wrong one."""
    others = (form("starcoder"), form("refact", Order.SPM), form("stable-code"))
    asked = STARCODER2.asked
    subject = Subject((*asked, *others)) if is_asked else Subject(asked, others)
    verdict = found(Model(scores), subject)
    assert (verdict.can_fill, verdict.form) == (True, form(family, order))


@pytest.mark.parametrize(("score", "finding"), [(GOOD, Finding.FILLS), (PLAIN, Finding.UNTRAINED)])
def test_an_encoder_is_asked_with_its_marker_each_time(score: tuple[float, float], finding: Finding) -> None:
    model = Model({"…<extra_id_0>…": score, "…<extra_id_0>": PLAIN, "…": GOOD})
    assert found(model, Subject((form("codet5p"),))).finding is finding


def test_forms_that_write_the_same_are_asked_once() -> None:
    model = Model({PSM: GOOD})
    found(model, Subject((form(), form("starcoder"), form("stable-code"), form("granite"))))
    assert model.n_asked == 3 * 8  # without the suffix, with it, and with exchanged markers


@pytest.mark.parametrize(
    ("seconds", "n_holes"), [(0.0, 8), (TIME_S / 25, 8), (TIME_S / 15, 5), (TIME_S / 12, 4), (TIME_S, MIN_HOLES)]
)
def test_a_slow_machine_scores_fewer_holes(seconds: float, n_holes: int) -> None:
    verdict = found(Model({PSM: GOOD}, seconds))
    assert (verdict.n_holes, verdict.can_fill) == (n_holes, True)
    assert ("as this machine is slow" in words.numbers(verdict)) is (n_holes < 8)


def test_progress_never_goes_back() -> None:
    told: list[float] = []
    found(Model({PSM: GOOD}), told=told.append)
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] <= 1


def test_an_engine_that_dies_ends_it() -> None:
    class Dying(Model):
        async def score(self, prompt: Prompt, text: str) -> Score:
            if self.n_asked == 5:
                raise EngineDown("the engine died")
            return await super().score(prompt, text)

    with pytest.raises(EngineDown):
        found(Dying({}))


def test_a_verdict_goes_through_json() -> None:
    verdict = found(Model({PSM: GOOD, SPM: FAIR}))
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


def _without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda data: data.pop(name)


BROKEN: list[Callable[[dict[str, Any]], object]] = [
    *(_without(name) for name in ("finding", "form", "has_repo", "n_holes", "n_known", "numbers")),
    lambda data: data.update(finding="nonsense"),
    lambda data: data["form"].update(family="nobody"),
    lambda data: data["form"].update(order="middle"),
    lambda data: data["numbers"].append(None),
    lambda data: data["numbers"][0].update(mean="high"),
    lambda data: data.update(n_holes=None),
]


@pytest.mark.parametrize("spoil", BROKEN)
def test_what_is_no_verdict_is_refused(spoil: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(json.dumps(found(Model({})).to_json()))
    spoil(data)
    with pytest.raises((ValueError, KeyError, TypeError)):
        Verdict.from_json(data)


@pytest.mark.parametrize("name", [name for name, f in FAMILIES.items() if f.markers and not f.opening])
@pytest.mark.parametrize("order", list(Order))
def test_every_family_writes_every_hole(name: str, order: Order) -> None:
    """Exchanged markers are the same ones in other places; the middle is nowhere in the prompt."""
    if not FAMILIES[name].template(order):
        return
    for hole in (*(hole for holes in HOLES.values() for hole in holes), *REPO_HOLES):
        straight = forms.prompt(form(name, order), hole)
        exchanged = forms.prompt(form(name, order, Kind.SWAPPED), hole)
        assert {part.text for part in straight.parts} == {part.text for part in exchanged.parts}
        n_special = len({part.text for part in straight.parts if part.special and part.text})
        assert (straight == exchanged) is (n_special < 2)


@pytest.mark.parametrize("hole", [hole for holes in HOLES.values() for hole in holes], ids=lambda hole: hole.middle)
def test_the_suffix_alone_tells_the_middle(hole: Any) -> None:
    name = re.findall(r"\w+", hole.middle)[0]
    assert name in hole.suffix
    assert name not in hole.prefix
    assert hole.suffix.startswith("\n")


@pytest.mark.parametrize("hole", REPO_HOLES, ids=lambda hole: hole.middle)
def test_the_other_file_alone_tells_the_middle(hole: Any) -> None:
    assert hole.middle in hole.snippet.text
    assert hole.middle not in hole.prefix + hole.suffix


@pytest.mark.parametrize(
    ("languages", "asked"),
    [
        ([], "python"),
        (["python"], "python"),
        (["go", "python"], "python"),
        (["rust", "go"], "go"),
        (["typescript"], "javascript"),
        (["cpp"], "c"),
        (["kotlin"], ""),
    ],
)
def test_models_are_asked_in_a_language_that_they_know(languages: list[str], asked: str) -> None:
    assert language_for(frozenset(languages)) == asked


WORDS = [
    ({PSM: GOOD}, ["✓ fills in the middle: family starcoder2, prefix first (3.80 nats a token better than without"]),
    (
        {PSM: (-6.0, -9.0)},
        ["✗ does not fill in the middle: its fill-in-the-middle markers exist but were never trained"],
    ),
    ({PSM_SWAPPED: GOOD}, ["its markers for prefix and suffix are swapped", "with the two exchanged 3.80 nats"]),
    ({PSM: GOOD}, ["without the suffix", "-4.00 nats a token, ends with a chance of 0%", "-0.20 nats", "90%"]),
    ({PSM: GOOD, REPO: GOOD}, ["starcoder2, prefix first, with a file", "other files do not help"]),
]


@pytest.mark.parametrize(("scores", "said"), WORDS)
def test_lines_for_a_person(scores: dict[str, tuple[float, float]], said: list[str]) -> None:
    lines = "\n".join(words.lines(found(Model(scores))))
    for text in said:
        assert text in lines
