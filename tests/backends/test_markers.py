"""Models without fill-in-the-middle tokens, and markers that end an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from answers import ask, score

from codels.backends import Backend, LoadSpec
from codels.errors import MarkerMissing
from codels.generation import BOS, Part, Prompt
from codels.prompt.families import FAMILIES
from codels.registry import store
from codels.resolve import default_order, resolve, subject

native = pytest.importorskip("codels.backends.llamanative", exc_type=ImportError)

Opened = Callable[[LoadSpec], Backend]


gguf = pytest.importorskip("gguf", reason="the tests write models with the gguf package")

SEPARATORS = {
    # families, and what stands between their files or ends an answer
    "starcoder2": "<file_sep>",
    "mellum": "<filename>",
    "codegemma": "<|file_separator|>",
    "codestral": "</s>",
    "seed-coder": "<[end▁of▁sentence]>",
    "codellama": "▁<EOT>",
}


@pytest.mark.parametrize("name", SEPARATORS)
@pytest.mark.parametrize("is_control", [True, False])
def test_a_family_s_markers_are_one_token_each_and_its_separator_ends_an_answer(
    opened: Opened, tmp_path: Path, name: str, is_control: bool
) -> None:
    import tiny_gguf

    family, type_ = FAMILIES[name], gguf.TokenType.CONTROL if is_control else gguf.TokenType.USER_DEFINED
    path = tiny_gguf.write(tmp_path / "m.gguf", dict.fromkeys(family.all_markers, type_))
    model = opened(LoadSpec("llama.cpp", str(path), markers=family.all_markers))
    assert model.info.markers == family.all_markers
    assert len({model.tokenize(Part(marker, special=True))[0] for marker in family.all_markers}) == len(
        family.all_markers
    )
    asked = subject(replace(store.find(str(path)), family=name, order=default_order(family)), model.info)
    assert asked
    assert {form.family for form in asked.asked} == {name}
    assert bool(asked.repos) is bool(family.repo_psm or family.repo_spm)
    chosen, _ = resolve(store.find(str(path)), model.info)
    assert chosen.family.name == name
    ends = [score(model, Prompt((Part("x = "),), stop=stop), "1").end for stop in ((), (SEPARATORS[name],))]
    always = is_control or SEPARATORS[name] == "</s>"  # which is the one that llama.cpp knows
    assert (ends[0] < ends[1]) is not always


class TestWithoutMarkers:
    """A model without fill-in-the-middle tokens, and one whose marker is only "user-defined"."""

    @pytest.fixture
    def write(self, tmp_path: Path) -> Callable[..., Path]:
        pytest.importorskip("gguf", reason="the test writes a model with the gguf package")
        import tiny_gguf

        return lambda *arguments: tiny_gguf.write(tmp_path / "plain.gguf", *arguments)

    def test_it_runs_prefix_only_with_one_notice(self, opened: Opened, write: Callable[..., Path]) -> None:
        path = write({})
        model = opened(LoadSpec("llama.cpp", str(path), markers=("<|fim_prefix|>", "<|end|>")))
        assert (model.info.markers, model.info.context_window) == (("<|end|>",), 256)
        chosen, notice = resolve(store.find(str(path)), model.info)
        assert chosen.family.name == "plain"
        assert "plain.gguf: it has no fill-in-the-middle tokens; it only sees the text before the caret" in notice
        assert ask(model).stats.n_decoded == 24
        with pytest.raises(MarkerMissing):
            model.tokenize(Part("<|fim_prefix|>", special=True))

    def test_a_card_that_promises_a_family_falls_back_and_names_the_marker(
        self, opened: Opened, write: Callable[..., Path]
    ) -> None:
        card = replace(store.find(str(write({}))), family="codels")
        chosen, notice = resolve(card, opened(LoadSpec("llama.cpp", card.files[0].path)).info)
        assert chosen.family.name == "plain"
        assert "<|fim_" in notice

    def test_without_a_begin_token_the_prompt_has_none(self, opened: Opened, write: Callable[..., Path]) -> None:
        model = opened(LoadSpec("llama.cpp", str(write({}))))
        assert model.tokenize(BOS) == []
        assert ask(model, "").stats.n_prompt == 1

    def test_a_marker_that_the_prompt_names_ends_the_answer(self, opened: Opened, write: Callable[..., Path]) -> None:
        """The third token of the model's answer is turned into a marker: named in `stop` it ends the answer."""
        plain = ask(opened(LoadSpec("llama.cpp", str(write({})))), "def f(x):")
        ids = [token for step in plain.steps for token in step.token_ids]
        third = next(n for n in range(2, len(ids)) if ids[n] not in ids[:n] and ids[n] < 94)
        model = opened(LoadSpec("llama.cpp", str(write({}, {ids[third]: "<|stop|>"}))))
        prompt = Prompt((Part("def f(x):"),), stop=("<|stop|>",))
        heard = ask(model, prompt)
        assert [token for step in heard.steps for token in step.token_ids] == ids[: third + 1]  # its end, too
        assert (heard.stats.why_stopped, "<|stop|>" in heard.text) == ("end", False)
        assert ask(model, "def f(x):").stats.n_decoded > third

    def test_text_that_is_written_like_a_marker_stays_text(self, opened: Opened, write: Callable[..., Path]) -> None:
        """Whatever the file says of the marker's kind: llama.cpp finds user-defined tokens in any text."""
        kinds = gguf.TokenType
        markers = {"<|User|>": kinds.USER_DEFINED, "[PAD258]": kinds.USER_DEFINED, "<|fim_prefix|>": kinds.CONTROL}
        model = opened(LoadSpec("llama.cpp", str(write({**markers, "<table>": kinds.USER_DEFINED}))))
        for text in ("<|User|>", "x <|User|><|User|> y", "[PAD258]", "<|fim_prefix|>"):
            assert max(model.tokenize(Part(text))) < 256, text
        assert model.tokenize(Part("<table>")) == [260]  # Gemma's, which its texts are full of
        assert model.tokenize(Part("<|User|>", special=True)) == [257]

    def test_characters_that_the_vocabulary_cannot_say_are_replaced(
        self, opened: Opened, write: Callable[..., Path]
    ) -> None:
        """As StarCoder's cannot say those that begin with the byte 0xF1."""
        byte = 0xF1 - 33 - 34 - 1
        model = opened(LoadSpec("llama.cpp", str(write({}, {byte: "<|gone|>"}))))
        replaced = model.tokenize(Part("a\ufffdb"))
        assert model.tokenize(Part("a\U00040000b")) == replaced
        assert model.tokenize(Part("a\U0001f600b")) != replaced
