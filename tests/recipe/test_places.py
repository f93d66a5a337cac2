"""Where a text has no place for what is drawn from it, a sentence ends the program: it never draws for ever."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from wheels import code

import recipe
from corpus import Corpus

MISSING = "the recipe's requirements are not installed: pip install -r models/tiny/requirements.txt"
for library in ("torch", "tokenizers", "transformers"):
    pytest.importorskip(library, reason=MISSING)
tokenizer = pytest.importorskip("tokenizer")
validate = pytest.importorskip("validate")
verify = pytest.importorskip("verify")

LINE_FEEDS = "\n" * 400


def prepared(folder: Path, split: str, text: str) -> Path:
    (folder / f"{split}.utf8").write_text(text)
    (folder / f"{split}.files.json").write_text(json.dumps([["some", "a.py", len(text.encode())]]))
    return folder


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n" * 9, "the valid split of .* has no file of more than 128 bytes"),
        (LINE_FEEDS, "the valid split of .* has no place for a hole of the kind line_end"),
        ("x = 1\n" + "y = 2\n" * 400, ""),
    ],
)
def test_validation(data: Path, tmp_path: Path, text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "N_HOLES", 2)
    encoder, settings = tokenizer.Encoder(data / "tokenizer.json"), recipe.load(data / "toy.toml")
    prepared(tmp_path, "valid", text)
    if not said:
        assert len(validate.Validation(tmp_path, encoder, settings).holes["block"]) == 2
        return
    with pytest.raises(SystemExit, match=said):
        validate.Validation(tmp_path, encoder, settings)


def test_a_prompt(data: Path, tmp_path: Path) -> None:
    encoder = tokenizer.Encoder(data / "tokenizer.json")
    corpus = Corpus(prepared(tmp_path, "test", "x"), "test")
    with pytest.raises(SystemExit, match=r"the test split of .* has no place with text before it"):
        verify._prompt(Random(0), corpus, encoder, 64)
    assert verify._prompt(Random(0), Corpus(prepared(tmp_path, "test", code(1)), "test"), encoder, 64)
