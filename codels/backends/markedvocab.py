"""What the vocabularies of all libraries share: markers by their text, and text that never becomes one."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace

from codels.backends.llamatext import Pieces
from codels.errors import MarkerMissing
from codels.generation import Part

BLANK = "▁"
"""How SentencePiece writes a blank."""


class MarkedVocabulary(ABC):
    """Tokens of a model. `special` maps the text of marker tokens to their ids.

    What a subclass fills in besides: the tokens that are never text, the places where text is cut so that no marker is
    found in it, the begin token, and whether a blank is put before every text.
    """

    special: dict[str, int]
    pieces: Pieces
    line_ends: list[int]
    """Tokens that end a line, the answer's last one too."""
    _controls: set[int]
    _seams: re.Pattern[str]
    _bos: list[int]
    _has_blank_prefix: bool

    @property
    @abstractmethod
    def start(self) -> list[int]:
        """What an empty prompt begins with: decoding needs at least one token."""

    @abstractmethod
    def _encode(self, text: str, is_whole: bool = False) -> list[int]:
        """The ids of a text, in which no marker is looked for; `is_whole`: with those that the file wants around."""

    def whole(self, text: str) -> list[int]:
        """A text with the tokens around it that the file wants around one, at least one."""
        return self._encode(text, is_whole=True) or self.start

    def ends(self, stop: tuple[str, ...]) -> frozenset[int]:
        """Tokens that end an answer: every control token, since none belongs into a buffer, and the markers `stop`."""
        return frozenset(self._controls | {self.special[marker] for marker in stop if marker in self.special})

    def has_ordinary(self, marker: str) -> bool:
        """Whether a marker is in the vocabulary, but as an ordinary token; SentencePiece writes blanks as `▁`."""
        if marker in self.special:
            return False
        return any(self.pieces.has(text.encode()) for text in (marker, marker.replace(BLANK, " ")))

    def alike(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        """These tokens; where one of them ends a line, all that do."""
        return tokens if set(tokens).isdisjoint(self.line_ends) else (*tokens, *self.line_ends)

    def tokenize(self, part: Part) -> list[int]:
        if part.special and not part.text:  # generation.BOS
            return self._bos
        if part.special:
            if part.text not in self.special:
                raise MarkerMissing(part.text)
            return [self.special[part.text]]
        return [token for piece in self._harmless(part) for token in self._plain(piece)]

    def _harmless(self, part: Part) -> Iterator[Part]:
        """The text in pieces in which no marker is found."""
        first, *rest = self._seams.split(part.text)
        yield replace(part, text=first)
        yield from (Part(text, joined=True) for text in rest)

    def _plain(self, part: Part) -> list[int]:
        return self._joined(part.text) if part.joined and self._has_blank_prefix else self._encode(part.text)

    def _joined(self, text: str) -> list[int]:
        """Text that goes on where other text ended: encoded behind a sign that is one token of its own, then cut.

        Meta's Code Llama encodes its suffixes this way, behind the same sign.
        """
        sign = self._encode("☺")
        tokens = self._encode("☺" + text)
        return tokens[len(sign) :] if tokens[: len(sign)] == sign else self._encode(text)
