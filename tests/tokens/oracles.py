"""Tokenizers that have nothing to do with llama.cpp, made from the vocabularies in GGUF files.

`tokenizers` for byte-level vocabularies, `sentencepiece` for Llama's. User text is plain text to them: they know no
marker, so that they say what a text full of markers should be.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
"""Types of tokens, in GGUF as in SentencePiece."""

Encode = Callable[[str], list[int]]


@dataclass(frozen=True)
class Oracle:
    """`encode` gives the ids of a text, `joined` those of one that goes on where other text ended; `ids` has all
    tokens by their text; `bos` is the begin token's id.
    """

    encode: Encode
    joined: Encode
    ids: dict[str, int]
    bos: int


UNICODE_16 = (
    "1b4e-1b4f 1b7f-1b7f 1c89-1c8a a7cb-a7cd a7da-a7dc 105c0-105f3 10d4a-10d65 10d6e-10d85 10ec2-10ec4 11380-11389 "
    "1138b-1138b 1138e-1138e 11390-113b5 113b7-113b7 113d1-113d1 113d3-113d5 113d7-113d8 11bc0-11be1 13460-143fa "
    "16100-1611d 16d40-16d6f 18cff-18cff 1e5d0-1e5ed 1e5f0-1e5f0 1e5ff-1e5ff"
)
"""Letters and punctuation that Unicode 16 (September 2024) added. `tokenizers` knows them today; it did not in 2023,
when DeepSeek-Coder was trained, so that they were neither to its pre-tokenizer, as they are not to llama.cpp.
"""


@cache
def contents(path: Path) -> dict[str, Any]:
    """What a GGUF file says of its tokenizer, by the keys behind `tokenizer.ggml.`."""
    fields = gguf.GGUFReader(str(path)).fields
    head = "tokenizer.ggml."
    return {key.removeprefix(head): field.contents() for key, field in fields.items() if key.startswith(head)}


def digits_then_words() -> pre_tokenizers.PreTokenizer:
    """StarCoder, StarCoder2 and Refact: digits one by one, then GPT-2's words."""
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )


def deepseek_coder() -> pre_tokenizers.PreTokenizer:
    """As in the `tokenizer.json` of deepseek-coder-6.7b-base: each step splits what the one before has left."""
    new = re.sub(r"[0-9a-f]+", lambda digits: rf"\x{{{digits[0]}}}", UNICODE_16).replace(" ", "")
    letter, sign = (rf"[\p{{{kind}}}&&[^{new}]]" for kind in "LP")
    patterns = (r"[\r\n]", rf"\s?{letter}+", rf"\s?{sign}+", "[一-龥ࠀ-一가-퟿]+")
    splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
    digits = pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Sequence([*splits, digits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_level(path: Path, pre: pre_tokenizers.PreTokenizer) -> Oracle:
    """A byte-level vocabulary (`tokenizer.ggml.model` is gpt2)."""
    said = contents(path)
    tokens, types = said["tokens"], said["token_type"]
    ids = {token: number for number, token in enumerate(tokens)}
    normal = {token: ids[token] for token, type_ in zip(tokens, types, strict=True) if type_ == NORMAL}
    merges = [tuple(merge.split(" ")) for merge in said["merges"]]
    letters = [t for t, type_ in zip(tokens, types, strict=True) if type_ == USER_DEFINED and len(t) == 1]
    tokenizer = Tokenizer(models.BPE({**normal, **{letter: ids[letter] for letter in letters}}, merges))
    # DeepSeek-Coder lists the letters of bytes that no UTF-8 has among its added tokens, so such a letter itself
    # (ö is not among them, õ is) is one token there.
    tokenizer.add_tokens([AddedToken(letter, normalized=False) for letter in letters])
    tokenizer.pre_tokenizer = pre

    def encode(text: str) -> list[int]:
        # StarCoder's vocabularies have no token for the byte 0xF1, so that U+40000 to U+7FFFF, where Unicode has no
        # characters, cannot be said. `tokenizers` drops the one byte and goes on with the rest as if it were text.
        sayable = text if "ñ" in ids else re.sub("[\U00040000-\U0007ffff]", "\ufffd", text)
        found: list[int] = tokenizer.encode(sayable, add_special_tokens=False).ids
        return found

    return Oracle(encode, encode, ids, said["bos_token_id"])


def sentence_piece(path: Path) -> Oracle:
    """Llama's vocabulary (`tokenizer.ggml.model` is llama); a joined text is encoded behind ☺, as Meta's code does."""
    import sentencepiece

    said = contents(path)
    rows = zip(said["tokens"], said["scores"], said["token_type"], strict=True)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model_proto(rows))

    def encode(text: str) -> list[int]:
        found: list[int] = processor.encode(text)
        return found

    def joined(text: str) -> list[int]:
        return encode("☺" + text)[len(encode("☺")) :]

    return Oracle(encode, joined, {token: n for n, token in enumerate(said["tokens"])}, said["bos_token_id"])


def code_llama(path: Path) -> Oracle:
    """Code Llama's vocabulary with the pieces that its markers are joined of. SentencePiece would make a marker of the
    text " <PRE>": text is text here, so that it is cut behind the sign.
    """
    whole = sentence_piece(path)

    def cut(text: str, encode: Encode) -> list[int]:
        first, *rest = re.split("(?<=<)(?=PRE>|SUF>|MID>|EOT>)", text)
        return encode(first) + [token for piece in rest for token in whole.joined(piece)]

    return Oracle(lambda text: cut(text, whole.encode), lambda text: cut(text, whole.joined), whole.ids, whole.bos)


def model_proto(rows: Iterable[tuple[str, float, int]]) -> bytes:
    """SentencePiece's model file by hand: pieces with scores and types, merged by score, a blank before each text,
    bytes for what is unknown, nothing normalized.
    """
    pieces = b"".join(
        _field(1, _field(1, token.encode()) + b"\x15" + struct.pack("<f", score) + _number(3, type_))
        for token, score, type_ in rows
    )
    bpe = _number(3, 2) + _number(35, 1)
    normalizer = _field(1, b"identity") + _number(3, 1) + _number(4, 0) + _number(5, 1)
    return pieces + _field(2, bpe) + _field(3, normalizer)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])
