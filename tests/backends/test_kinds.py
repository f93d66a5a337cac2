"""What `codels models add` writes down of files that are no decoders: models of vectors, encoder–decoders."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gguf", reason="the test writes models with the gguf package")
pytest.importorskip("codels.backends.llamanative", exc_type=ImportError)
import tiny_bert
import tiny_t5

from codels.commands.add import add
from codels.core import Skill
from codels.registry import store

VECTORS = "it turns text into vectors and writes none: choose another model for completion"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "cards_folder", lambda: tmp_path / "cards")
    return tmp_path / "some.gguf"


def test_a_t5_of_random_weights_only_turns_texts_into_others(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_t5.write(written)
    assert add(str(written), "", is_offline=True, is_json=False) == 0
    card, said = store.find("some"), capsys.readouterr()
    assert (card.family, card.skills) == ("plain", {Skill.SEQ2SEQ})
    assert "its fill-in-the-middle markers exist but were never trained" in said.err


@pytest.mark.parametrize("kind", ["bert", "the encoder of a t5"])
def test_a_model_of_vectors(written: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    if kind == "bert":
        tiny_bert.write(written, None)
    else:
        tiny_t5.write(written, is_encoder=True)
    assert add(str(written), "", is_offline=True, is_json=False) == 0
    card, said = store.find("some"), capsys.readouterr()
    assert (card.family, card.skills) == ("", {Skill.EMBED})
    assert said.out.startswith("some can be used now (turns text into vectors); its card is ")
    assert said.err == f"codels: some.gguf: {VECTORS}\n"
