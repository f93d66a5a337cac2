"""A tokenizer.json's vocabulary: text to token ids, markers by their text, the bytes of every token.

Read with the library `tokenizers`, which transformers itself uses; what a configuration beside it says of markers does
not count, so that no text of the user's becomes one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tokenizers import Tokenizer

from codels import checkpoints
from codels.backends.hffolder import Folder
from codels.backends.llamatext import LINE_ENDS, Pieces
from codels.backends.markedvocab import BLANK, MarkedVocabulary
from codels.errors import ModelError
from codels.seams import MARKER, seams

_BYTE = re.compile("<0x([0-9A-F]{2})>")
"""How SentencePiece writes a token of one byte."""


class Vocabulary(MarkedVocabulary):
    """Tokens of a model with `n` logits."""

    def __init__(self, folder: Folder, n: int) -> None:
        place = folder.path / checkpoints.TOKENIZER
        self._tokenizer = _opened(str(place))
        data = checkpoints.read_object(place)
        added = [row for row in data.get("added_tokens", ()) if row["id"] < n]
        markers = {row["content"]: row["id"] for row in added if row["special"] or MARKER.fullmatch(row["content"])}
        self.n, self.special = n, markers
        self._controls = {row["id"] for row in added if row["special"]} | {end for end in folder.ends if end < n}
        self._ends = [end for end in folder.ends if end < n]
        self.pieces = Pieces(_raw(self._tokenizer, data, n, set(markers.values()) | self._controls))
        self._seams = seams(tuple(_hidden(added)))
        self._bos = [markers[folder.bos]] if folder.bos in markers else []
        self._has_blank_prefix = self.pieces.of(self._encode("x")[0])[:1] == b" "
        self.line_ends = [t for t in range(n) if t in self._controls or self.pieces.of(t)[:1] in LINE_ENDS]

    @property
    def start(self) -> list[int]:
        """What an empty prompt begins with: decoding needs at least one token."""
        return self._bos or self._ends[:1] or [0]

    def _encode(self, text: str, is_whole: bool = False) -> list[int]:
        clean = text.encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self._tokenizer.encode(clean, add_special_tokens=is_whole).ids
        return [token for token in ids if token < self.n]


def spelled(data: Mapping[str, Any]) -> Callable[[str], bytes]:
    """How a tokenizer.json writes the bytes of a token. Raises `ModelError` for one that loses blanks."""
    kinds = {kind for name in ("decoder", "pre_tokenizer") for kind in _kinds(data.get(name))}
    if "ByteLevel" in kinds:
        letters = byte_letters()
        return lambda text: (
            bytes(letters[char] for char in text) if letters.keys() >= set(text) else text.encode("utf-8")
        )
    if kinds & {"ByteFallback", "Metaspace", "Replace"}:
        return _of_sentencepiece
    raise ModelError(
        f"its {checkpoints.TOKENIZER} is neither byte-level nor SentencePiece's ({', '.join(sorted(kinds))}), so "
        "codels cannot spell with it: choose another model"
    )


def byte_letters() -> dict[str, int]:
    """The letters by which byte-level BPE writes bytes: printable ones stand for themselves, others from U+0100 on
    (GPT-2's encoder.py, `bytes_to_unicode`).
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + place): byte for place, byte in enumerate(others)}


def _opened(place: str) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(place)
    except Exception as error:  # the library raises nothing more special
        raise ModelError(f"{place} cannot be read ({error!s:.100}): fetch it again") from error
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _raw(tokenizer: Tokenizer, data: Mapping[str, Any], n: int, silent: set[int]) -> list[bytes]:
    """The bytes of each of `n` tokens; none of those that are `silent` or not there."""
    spell, pieces = spelled(data), [b""] * n
    for text, token in tokenizer.get_vocab(with_added_tokens=False).items():
        if token < n:
            pieces[token] = spell(text)
    for row in data.get("added_tokens", ()):
        if row["id"] < n:
            pieces[row["id"]] = row["content"].encode("utf-8")
    for token in silent:
        pieces[token] = b""
    return pieces


def _hidden(added: list[dict[str, Any]]) -> Iterator[str]:
    """Markers that the library finds in any text: those called ordinary, and SentencePiece's, made piece by piece."""
    for row in added:
        if not row["special"] and MARKER.fullmatch(row["content"]):
            yield row["content"]
        elif row["content"].startswith(f"{BLANK}<"):
            yield row["content"].removeprefix(BLANK)


def _kinds(part: Any) -> Iterator[str]:
    """The types of a part of a tokenizer, and of what it is made of."""
    if isinstance(part, dict):
        yield str(part.get("type"))
        for name in ("decoders", "pretokenizers"):
            for each in part.get(name, ()):
                yield from _kinds(each)


def _of_sentencepiece(text: str) -> bytes:
    if match := _BYTE.fullmatch(text):
        return bytes.fromhex(match[1])
    return text.replace(BLANK, " ").encode("utf-8")
