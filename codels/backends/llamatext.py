"""Bytes, tokens and text of a decode loop: pieces by their bytes, healing, stop strings. No library, no weights."""

from __future__ import annotations

import codecs
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

LINE_ENDS = (b"\n", b"\r")


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """How many leading items are equal."""
    n = min(len(a), len(b))
    if a[:n] == b[:n]:
        return n
    return next(index for index in range(n) if a[index] != b[index])


class Pieces:
    """The bytes of every token, findable by how they begin. Tokens without bytes (markers) are left out."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._of = pieces
        self._sorted = sorted((piece, token) for token, piece in enumerate(pieces) if piece)

    def of(self, token: int) -> bytes:
        return self._of[token]

    def has(self, piece: bytes) -> bool:
        """Whether a token has exactly these bytes."""
        return bool(self._equal(piece))

    def spelling(self, rest: bytes) -> list[int]:
        """The tokens that begin with `rest`, or that `rest` begins with."""
        tokens = []
        for end in range(1, len(rest)):
            tokens += self._equal(rest[:end])
        at = bisect_left(self._sorted, (rest, -1))
        while at < len(self._sorted) and self._sorted[at][0].startswith(rest):
            tokens.append(self._sorted[at][1])
            at += 1
        return tokens

    def _equal(self, piece: bytes) -> list[int]:
        at, tokens = bisect_left(self._sorted, (piece, -1)), []
        while at < len(self._sorted) and self._sorted[at][0] == piece:
            tokens.append(self._sorted[at][1])
            at += 1
        return tokens


@dataclass(frozen=True, slots=True)
class Spelling:
    """Healing: decoding is held to the tokens that spell `rest`, until it is spelled.

    `is_line_start`: a line end was spelled and nothing since. Tokens join line ends, so the blank lines that come with
    that one, or behind it, are no part of the answer.
    """

    rest: bytes
    is_line_start: bool

    @staticmethod
    def of(heal: bytes) -> Spelling:
        return Spelling(heal, heal.endswith(LINE_ENDS))

    @property
    def is_done(self) -> bool:
        return not self.rest

    def allowed(self, pieces: Pieces) -> list[int]:
        """The token ids that may come next; empty means any."""
        return pieces.spelling(self.rest) if self.rest else []

    def spell(self, piece: bytes) -> tuple[Spelling, bytes]:
        """What is left behind a token's bytes, and which of them are new, beyond what was to be spelled."""
        new = piece[len(self.rest) :]
        if self.is_line_start:
            new = new.lstrip(b"\r\n")
        return Spelling(self.rest[len(piece) :], self.is_line_start and not new), new


class TextStream:
    """Bytes to text, held back while they may still become a stop string or an unfinished character."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = stops
        self._held = ""
        self.is_stopped = False

    def feed(self, data: bytes) -> str:
        """The text that is certain to belong to the answer."""
        self._held += self._decoder.decode(data)
        ends = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if ends:
            self.is_stopped = True
            text, self._held = self._held[: min(ends)], ""
            return text
        n_held = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        text, self._held = self._held[: len(self._held) - n_held], self._held[len(self._held) - n_held :]
        return text

    def finish(self) -> str:
        """What was held back, once it is known that no stop string follows."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that begins `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
