"""A GGUF model's vocabulary: text to token ids, marker tokens by their text, the bytes of every token."""

from __future__ import annotations

import ctypes
import re
from functools import cached_property
from typing import Any

import llama_cpp as llama
import numpy as np

from codels.backends.copying import Ids
from codels.backends.llamatext import Pieces
from codels.backends.markedvocab import MarkedVocabulary
from codels.errors import ModelError
from codels.seams import MARKER, seams

_ATTR_CONTROL = 1 << 3
_ATTR_USER_DEFINED = 1 << 4
"""`llama_token_attr` of llama.h."""

_ORDINARY = {f" <{name}>".encode(): f"▁<{name}>" for name in ("PRE", "SUF", "MID", "EOT")}
"""Code Llama's markers, which its files list as ordinary tokens: SentencePiece makes them out of any text, piece by
piece, wherever "<PRE>" stands behind a blank or at the start.
"""

_REPLACEMENT = "\ufffd".encode()


class Vocabulary(MarkedVocabulary):
    """Tokens of a GGUF model."""

    def __init__(self, model: Any) -> None:
        self.handle = llama.llama_model_get_vocab(model)
        self.n = llama.llama_vocab_n_tokens(self.handle)
        buffer = ctypes.create_string_buffer(512)
        self._has_blank_prefix = llama.llama_vocab_type(self.handle) == llama.LLAMA_VOCAB_TYPE_SPM
        raw, self.special, self._controls, hidden = [], {}, set(), []
        for token in range(self.n):
            attributes = llama.llama_vocab_get_attr(self.handle, token)
            if attributes & (_ATTR_CONTROL | _ATTR_USER_DEFINED):
                text = llama.llama_vocab_get_text(self.handle, token).decode("utf-8", "replace")
                self.special[text] = token
                # llama.cpp finds these in any text, as it must find others.
                if attributes & _ATTR_USER_DEFINED and MARKER.fullmatch(text):
                    hidden.append(text)
            if attributes & _ATTR_CONTROL or llama.llama_vocab_is_eog(self.handle, token):
                self._controls.add(token)
            size = llama.llama_token_to_piece(self.handle, token, buffer, len(buffer), 0, False)
            raw.append(buffer.raw[:size] if size > 0 else b"")
        if self._has_blank_prefix:
            self.special |= {_ORDINARY[piece]: token for token, piece in enumerate(raw) if piece in _ORDINARY}
            hidden += [marker.removeprefix("▁") for marker in _ORDINARY.values() if marker in self.special]
        self.pieces = Pieces(raw)
        self._seams = seams(tuple(hidden))
        self._unknown = _unknown(raw)
        self.line_ends = [t for t, piece in enumerate(raw) if t in self._controls or piece[:1] in (b"\n", b"\r")]
        bos = llama.llama_vocab_bos(self.handle)
        # Where a file names none, llama.cpp answers GPT-2's number, which is a comma in byte-level vocabularies.
        self._bos = [bos] if bos in self._controls else []

    @property
    def start(self) -> list[int]:
        """What an empty prompt begins with: decoding needs at least one token."""
        return self._bos or [max(llama.llama_vocab_eos(self.handle), 0)]

    @cached_property
    def words(self) -> Ids:
        """Tokens that say something."""
        return np.array([token for token in range(self.n) if self.pieces.of(token)], np.int32)

    @cached_property
    def answer_end(self) -> Ids:
        """The first of the tokens that end an answer by themselves, in an array; empty where there is none."""
        ends = [token for token in sorted(self._controls) if llama.llama_vocab_is_eog(self.handle, token)]
        return np.array(ends[:1], np.int32)

    def enclosed(self, tokens: list[int]) -> list[int]:
        """With the tokens around it that the file wants around whatever an encoder reads; one at least."""
        begin = self._bos if llama.llama_vocab_get_add_bos(self.handle) and tokens[:1] != self._bos else []
        end = [llama.llama_vocab_eos(self.handle)] if llama.llama_vocab_get_add_eos(self.handle) else []
        return [*begin, *tokens, *end] or self.start

    def _encode(self, text: str, is_whole: bool = False) -> list[int]:
        data = text.encode("utf-8", "replace")
        if self._unknown:
            data = self._unknown.sub(_REPLACEMENT, data)
        tokens = (llama.llama_token * (len(data) + 8))()
        n = llama.llama_tokenize(self.handle, data, len(data), tokens, len(tokens), is_whole, False)
        if n < 0:
            raise ModelError(f"llama.cpp cannot tokenize {len(data)} bytes of text (it answered {n})")
        return tokens[:n]


def _unknown(pieces: list[bytes]) -> re.Pattern[bytes] | None:
    """Matches the characters whose first byte is in no token; none where there are no such.

    StarCoder's vocabularies lack 0xF1, with which no character that exists begins. The rest of such a character
    would reach the model as bytes that are no text.
    """
    known = set(b"".join(pieces))
    missing = bytes(byte for byte in range(0xC2, 0xF5) if byte not in known)
    return re.compile(b"[" + re.escape(missing) + rb"][\x80-\xbf]+") if missing else None
