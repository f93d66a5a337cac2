"""How a loaded model is prompted: by its card, or by the markers in its vocabulary; never by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codels.backends import ModelInfo
from codels.dispatch.selection import find
from codels.errors import BackendMissing
from codels.prompt import Order
from codels.prompt.families import FAMILIES
from codels.registry.card import ModelCard, ModelFile
from codels.resolve import resolve, subject

FILES = (ModelFile("m.gguf"),)
BARE = ModelCard("qwen2.5-coder-in-name-only", "llama.cpp", FILES)
WITHOUT = "no fill-in-the-middle tokens"
WRONG = "its vocabulary has no"


def card(family: str, order: Order) -> ModelCard:
    return ModelCard("m", "llama.cpp", FILES, family=family, order=order)


@pytest.mark.parametrize(
    ("model", "markers", "family", "order", "notice"),
    [
        (card("codels", Order.SPM), "codels", "codels", Order.SPM, ""),
        (card("codels", Order.PSM), "codels", "codels", Order.PSM, ""),
        (card("codels", Order.SPM), "", "plain", Order.PSM, WRONG),
        (card("deepseek-coder", Order.PSM), "starcoder2", "plain", Order.PSM, WRONG),
        (card("plain", Order.PSM), "", "plain", Order.PSM, ""),
        (BARE, "", "plain", Order.PSM, WITHOUT),
        (BARE, "qwen2.5-coder", "qwen2.5-coder", Order.PSM, "family qwen2.5-coder"),
        (BARE, "deepseek-coder", "deepseek-coder", Order.PSM, "family deepseek-coder"),
        (BARE, "codellama", "codellama", Order.PSM, "family codellama"),
        (BARE, "seed-coder", "seed-coder", Order.SPM, "family seed-coder"),
        (BARE, "codestral", "codestral", Order.SPM, "family codestral"),
        (BARE, "codet5p", "plain", Order.PSM, WITHOUT),
        (BARE, "codegemma", "codegemma", Order.PSM, "family codegemma"),
        (BARE, "starcoder2", "starcoder2", Order.PSM, "family starcoder2"),
        (BARE, "codels", "codels", Order.SPM, "family codels"),
        (BARE, "mellum", "mellum", Order.SPM, "family mellum"),
        (BARE, "refact", "starcoder", Order.PSM, "refact"),  # the same markers: the notice names the others
    ],
)
def test_resolve(model: ModelCard, markers: str, family: str, order: Order, notice: str) -> None:
    known = FAMILIES[markers].all_markers if markers else ()
    resolved, said = resolve(model, ModelInfo("", 512, known))
    assert (resolved.family.name, resolved.order) == (family, order)
    assert notice in said
    assert bool(said) == bool(notice)


def test_our_own_family_does_not_take_what_is_another_s() -> None:
    """Qwen2.5-Coder has no `<|cursor|>`, which its family knows, and all the markers of ours."""
    known = set(FAMILIES["qwen2.5-coder"].all_markers) - {"<|cursor|>"}
    resolved, said = resolve(BARE, ModelInfo("", 512, tuple(known)))
    assert (resolved.family.name, resolved.order) == ("qwen2.5-coder", Order.PSM)
    assert "codels would fit as well" in said


def test_a_repository_form_that_the_vocabulary_cannot_say_is_not_used() -> None:
    family = FAMILIES["starcoder2"]
    with_files, _ = resolve(card("starcoder2", Order.PSM), ModelInfo("", 512, family.all_markers))
    without, _ = resolve(card("starcoder2", Order.PSM), ModelInfo("", 512, family.markers))
    assert with_files.family == family
    assert without.family.template(Order.PSM, is_repo=True) == ()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("codet5p-220m", "it is an encoder–decoder model"),
        ("instructcodet5p-16b:F16", "it is an encoder–decoder model"),
        ("codet5p-110m-embedding", "it only makes vectors"),
        ("wavecoder-pro-6.7b", "its weights pytorch_model-00001-of-00003.bin are pickled"),
    ],
)
def test_a_model_that_cannot_be_run_yet_is_refused_in_one_sentence(name: str, why: str) -> None:
    with pytest.raises(BackendMissing) as error:
        find(name)
    assert str(error.value).startswith(f"{name} cannot be used yet: {why}")
    assert str(error.value).endswith("`codels models list` shows the models that can")


def test_a_card_that_wants_no_probe_is_believed() -> None:
    info = ModelInfo("", 512, FAMILIES["starcoder2"].all_markers, can_score=True)
    assert subject(card("starcoder2", Order.PSM), info)
    assert subject(replace(card("starcoder2", Order.PSM), probe=False), info) is None
