"""The probe with real models through llama.cpp: the built-in one and the small trained ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from tiny_user import MODELS

from codels import backends
from codels.backends import LoadSpec, Score
from codels.backends.llamacpp import LlamaCpp
from codels.cancel import CancelToken
from codels.generation import BOS, Part, Prompt, SamplingParams, Step
from codels.probe import Finding, Form, Kind, Subject, Verdict
from codels.probe.run import probe
from codels.prompt import Order, Place, render
from codels.prompt.budget import Window
from codels.prompt.families import FAMILIES
from codels.registry import store
from codels.resolve import subject

pytestmark = pytest.mark.model
pytest.importorskip("codels.backends.llamanative", exc_type=ImportError)

MARKERS = tuple(dict.fromkeys(marker for family in FAMILIES.values() for marker in family.all_markers))


@contextmanager
def opened(path: Path) -> Iterator[LlamaCpp]:
    model = cast(
        LlamaCpp, backends.load(LoadSpec("llama.cpp", str(path), 512, 1, MARKERS), lambda _fraction, _gpu: True)
    )
    try:
        yield model
    finally:
        model.close()


def probed(model: LlamaCpp, wanted: Subject) -> Verdict:
    async def score(prompt: Prompt, text: str) -> Score:
        return model.score(prompt, text, CancelToken())

    return asyncio.run(probe(wanted, score, lambda _fraction: None))


def test_the_built_in_model_is_as_its_card_says() -> None:
    card = store.find("codels-tiny")
    with opened(store.locate(card)) as model:
        wanted = subject(card, model.info)
        assert wanted
        verdict = probed(model, wanted)
    assert (verdict.can_fill, verdict.form) == (True, Form(card.family, card.order, Kind.MIDDLE))


FOUND = [
    # the model, the family that is asked about, what is found, in the order that is asked first
    ("llama", "codellama", Finding.FILLS),
    ("qwen2", "qwen2.5-coder", Finding.FILLS),
    ("starcoder2", "starcoder2", Finding.FILLS),
    ("untrained", "qwen2.5-coder", Finding.UNTRAINED),
    ("swapped", "starcoder2", Finding.SWAPPED),
]


@pytest.mark.parametrize(("name", "family", "finding"), FOUND)
def test_what_the_trained_models_can(name: str, family: str, finding: Finding) -> None:
    row = FAMILIES[family]
    orders = [order for order in Order if row.template(order)]
    forms = tuple(Form(family, order, Kind.MIDDLE) for order in orders)
    repos = tuple(Form(family, order, Kind.REPO) for order in orders if row.template(order, is_repo=True))
    with opened(MODELS / f"{name}.gguf") as model:
        verdict = probed(model, Subject(forms, repos=repos))
    assert (verdict.finding, verdict.form.order) == (finding, Order.PSM)
    assert verdict.has_repo is (name == "starcoder2")  # the only one that has read other files


def test_code_llama_ends_at_the_id_of_its_marker() -> None:
    """llama.cpp knows nothing of `▁<EOT>`: nothing in the metadata says that it ends an answer."""
    prompt = render(FAMILIES["codellama"], Order.PSM, Window("import ", "\n\nprint(json.dumps(names))\n"), Place())
    with opened(MODELS / "llama.gguf") as model:
        (end,) = model.tokenize(Part("▁<EOT>", special=True))
        said = sum(model.generate(prompt, SamplingParams(20), CancelToken()), Step())
        assert (said.text, said.stats.why_stopped, said.token_ids[-1]) == ("json", "end", end)
        assert model.score(prompt, "json", CancelToken()).end > -0.1


@pytest.mark.parametrize("text", ["json", " json", "\n\nprint(json)", ")", "naïve", "", "☺", "▁<EOT>"])
def test_code_llama_reads_a_suffix_without_the_blank_of_a_new_text(text: str) -> None:
    with opened(MODELS / "llama.gguf") as model:
        alone, joined = model.tokenize(Part(text)), model.tokenize(Part(text, joined=True))
        (blank,) = set(model.tokenize(Part("x"))) - set(model.tokenize(Part("x", joined=True)))
        assert alone == ([blank, *joined] if text else [])
        assert not set(joined) & set(model.tokenize(BOS))
