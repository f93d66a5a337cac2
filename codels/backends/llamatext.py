"""Bytes, tokens and text of a decode loop: pieces by their bytes, healing, stop strings. No library, no weights."""

from __future__ import annotations

import codecs
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from codels.generation import Prompt, SamplingParams

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

    def can_spell(self, text: bytes) -> bool:
        """Whether tokens can say `text`; the last of them may say more."""
        reached = {0}
        for at in range(len(text)):
            if at in reached:
                reached |= {min(len(text), at + len(self.of(token))) for token in self.spelling(text[at:])}
        return len(text) in reached

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

    @property
    def is_holding(self) -> bool:
        return bool(self._held)

    def finish(self) -> str:
        """What was held back, once it is known that no stop string follows."""
        text, self._held = self._held, ""
        return text


class AnswerText:
    """What the tokens of an answer say anew: behind what is spelled again, before a stop string, up to a limit."""

    def __init__(self, pieces: Pieces, prompt: Prompt, params: SamplingParams) -> None:
        self._pieces, self._params = pieces, params
        self.heal = prompt.heal.encode("utf-8", "replace")
        spelling = Spelling.of(self.heal)
        # Blank lines are a grammar's to allow.
        self._spelling = replace(spelling, is_line_start=False) if params.grammar else spelling
        self._stream = TextStream(params.stop)
        self._n_new, self._has_words = 0, False

    @property
    def allowed(self) -> list[int]:
        """The tokens that may come next; empty means any."""
        return self._spelling.allowed(self._pieces)

    @property
    def avoid(self) -> tuple[int, ...]:
        """Those that may not begin it."""
        return () if self._has_words else self._params.avoid

    @property
    def why_over(self) -> str:
        """Empty where more may come."""
        if self._stream.is_stopped:
            return "stop"
        return "limit" if self._n_new >= self._params.max_tokens else ""

    def take(self, token: int) -> str:
        """The text that is certain when this token was said."""
        was_spelled = self._spelling.is_done
        self._spelling, new = self._spelling.spell(self._pieces.of(token))
        self._n_new += bool(new) or was_spelled
        self._has_words = self._has_words or bool(new.strip())
        return self._stream.feed(new)

    def finish(self) -> str:
        """What was held back, once it is known that nothing follows."""
        return self._stream.finish()


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that begins `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
