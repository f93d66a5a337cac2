"""Vocabularies of the transformers back end: markers, bytes and blanks. Needs `tokenizers`, and no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codels.backends.hffolder import Folder
from codels.errors import MarkerMissing, ModelError
from codels.generation import BOS, Part

tokenizers = pytest.importorskip("tokenizers")
hfvocab = pytest.importorskip("codels.backends.hfvocab")

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
LETTERS = {letter: token for token, letter in enumerate(hfvocab.byte_letters())}
N = 300


def added(id_: int, content: str, special: bool) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id_, "content": content, "special": special, **flags}


def bpe(vocab: dict[str, int], merges: list[str], **more: Any) -> dict[str, Any]:
    return {"type": "BPE", "vocab": vocab, "merges": merges, **more}


def vocabulary(folder: Path, tokenizer: dict[str, Any], n: int = N, bos: str = "") -> Any:
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", **tokenizer}), "utf-8")
    return hfvocab.Vocabulary(Folder(folder, {}, {}, (256,), bos, has_chat_template=False), n)


@pytest.fixture
def byte_level(tmp_path: Path) -> Any:
    """As Qwen's: what prompts are made of is added, but only the end is called special."""
    rows = [added(256, "<|end|>", True), added(257, "<|fim_prefix|>", False), added(258, "\t\t", False)]
    rows += [added(400, "<|beyond|>", True)]
    parts = {"pre_tokenizer": BYTE_LEVEL, "decoder": BYTE_LEVEL, "added_tokens": rows}
    return vocabulary(tmp_path, {"model": bpe(LETTERS, []), **parts})


def test_bytes_of_tokens(byte_level: Any) -> None:
    pieces = [byte_level.pieces.of(token) for token in range(N)]
    assert sorted(pieces[:256]) == [bytes([byte]) for byte in range(256)]
    assert pieces[256:260] == [b"", b"", b"\t\t", b""]
    assert b"".join(pieces[token] for token in byte_level.tokenize(Part("naïve 日本\n"))) == "naïve 日本\n".encode()


MARKERS = ["<|end|>", "<|fim_prefix|>"]


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_is_one_token_and_in_a_users_text_none(byte_level: Any, marker: str) -> None:
    assert byte_level.tokenize(Part(marker, special=True)) == [byte_level.special[marker]]
    for text in (marker, f"x = '{marker}'", marker * 2):
        tokens = byte_level.tokenize(Part(text))
        assert max(tokens) < 256
        assert b"".join(map(byte_level.pieces.of, tokens)) == text.encode()


@pytest.mark.parametrize("marker", ["\t\t", "<|beyond|>", "x"])
def test_what_is_no_marker(byte_level: Any, marker: str) -> None:
    with pytest.raises(MarkerMissing):
        byte_level.tokenize(Part(marker, special=True))


def test_ends(byte_level: Any) -> None:
    assert byte_level.ends(()) == {256}
    assert byte_level.ends(("<|fim_prefix|>",)) == {256, 257}
    newline = byte_level.tokenize(Part("\n"))[0]
    assert newline in byte_level.line_ends
    assert set(byte_level.alike((newline,))) == {newline, *byte_level.line_ends}
    assert (byte_level.start, byte_level.tokenize(BOS)) == ([256], [])


def test_sentencepiece_puts_no_blank_before_text_that_goes_on(tmp_path: Path) -> None:
    """As Code Llama's: a blank before every text, bytes for what is not there, markers that pieces could make."""
    words = ["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "▁a", "☺", "▁☺"]
    vocab = {word: token for token, word in enumerate(words)}
    rows = [added(1, "<s>", True), added(len(words), "▁<PRE>", True)]
    normalizer = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    }
    decoder = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}
    model = bpe(vocab, ["▁ a", "▁ ☺"], unk_token="<unk>", byte_fallback=True)
    parts = {"model": model, "normalizer": normalizer, "decoder": decoder, "added_tokens": rows}
    found = vocabulary(tmp_path, parts, n=400, bos="<s>")
    assert found.pieces.of(vocab["▁a"]) == b" a"
    assert found.pieces.of(vocab["<0x0A>"]) == b"\n"
    assert found.tokenize(Part("a")) == [vocab["▁a"]]
    assert found.tokenize(Part("a", joined=True)) == [vocab["a"]]
    assert found.tokenize(Part("▁<PRE>", special=True)) == [len(words)]
    assert len(words) not in found.tokenize(Part(" <PRE>"))
    assert (found.tokenize(BOS), found.start) == ([1], [1])


def test_a_tokenizer_that_loses_blanks_is_refused() -> None:
    with pytest.raises(ModelError, match=r"neither byte-level nor SentencePiece's \(WordPiece\)"):
        hfvocab.spelled({"decoder": {"type": "WordPiece"}})


@pytest.mark.parametrize("text", ["{", "[]", '{"version": "1.0"}'])
def test_a_torn_tokenizer_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot be read"):
        hfvocab.Vocabulary(Folder(tmp_path, {}, {}, (), "", has_chat_template=False), N)
