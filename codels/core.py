"""The values that travel between the stages. No input or output, no LSP, no model library.

Text is `str`; offsets and columns count code points; lines keep their line ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from codels.generation import Stats


class Skill(StrEnum):
    """What a model was trained to do."""

    FIM = "fim"
    PREFIX = "prefix"
    INSTRUCT = "instruct"
    SEQ2SEQ = "seq2seq"
    EMBED = "embed"


class Role(StrEnum):
    """What the user wants a model for; each can be another model."""

    COMPLETION = "completion"
    DOCSTRING = "docstring"
    INSTRUCT = "instruct"
    EMBED = "embed"


class Shape(StrEnum):
    """How much a completion may say: one statement, or a whole indented block."""

    LINE = "line"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of a document, immutable: what a request sees from its first line to its last."""

    uri: str
    language: str
    version: int
    lines: tuple[str, ...]

    @property
    def newline(self) -> str:
        """The document's line end, by its first line (editors keep one kind)."""
        first = self.lines[0] if self.lines else ""
        return "\r\n" if first.endswith("\r\n") else "\r" if first.endswith("\r") else "\n"


@dataclass(frozen=True, slots=True)
class Site:
    """A caret in a snapshot. `line` counts from 0; `column` counts code points, before the line end."""

    snapshot: Snapshot
    line: int
    column: int

    @property
    def text(self) -> str:
        """The caret's line without its line end."""
        lines = self.snapshot.lines
        return lines[self.line].rstrip("\r\n") if self.line < len(lines) else ""

    @property
    def before(self) -> str:
        return self.text[: self.column]

    @property
    def after(self) -> str:
        return self.text[self.column :]

    @property
    def indent(self) -> str:
        """The white space that the caret's line starts with."""
        before = self.before
        return before[: len(before) - len(before.lstrip(" \t"))]

    def prefix(self, n_chars: int) -> str:
        """Up to `n_chars` of the text before the caret."""
        pieces, n_left = [self.before], n_chars - self.column
        number = self.line
        while n_left > 0 and number > 0:
            number -= 1
            pieces.append(self.snapshot.lines[number])
            n_left -= len(pieces[-1])
        return "".join(reversed(pieces))[-n_chars:] if n_chars > 0 else ""

    def suffix(self, n_chars: int) -> str:
        """Up to `n_chars` of the text after the caret."""
        lines = self.snapshot.lines
        pieces = [lines[self.line][self.column :]]
        n_left = n_chars - len(pieces[0])
        number = self.line + 1
        while n_left > 0 and number < len(lines):
            pieces.append(lines[number])
            n_left -= len(lines[number])
            number += 1
        return "".join(pieces)[:n_chars]


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another place that may help: `path` is relative, so that no prompt holds a home folder."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What is offered: `text` goes in at the caret, with the document's own line ends.

    `logprob` is the first line's, natural; `confidence` the chance that this line is right, where it is calibrated.
    """

    text: str
    logprob: float = 0.0
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a keystroke: completions, or none and the `reason` that can be asked for.

    `origin` says where they came from (`model`, `cache`, `typed-through`); `stages` maps a stage to milliseconds.
    """

    completions: tuple[Completion, ...] = ()
    reason: str = ""
    origin: str = ""
    stages: dict[str, float] = field(default_factory=dict)
    stats: Stats | None = None
