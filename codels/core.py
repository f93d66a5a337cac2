"""The values that travel between the stages. No input or output, no LSP, no model library.

Text is `str`; offsets and columns count code points; lines keep their line ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Skill(StrEnum):
    """What a model was trained to do."""

    FIM = "fim"
    PREFIX = "prefix"
    INSTRUCT = "instruct"
    SEQ2SEQ = "seq2seq"
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
class Part:
    """A stretch of a prompt. Only a special part becomes a marker token; user text never does.

    `joined` asks tokenizers that put a blank before every text (SentencePiece) to leave it out here.
    """

    text: str
    special: bool = False
    joined: bool = False


BOS = Part("", special=True)
"""Stands for the model's own begin-of-sequence token, whatever its text is."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model reads, and `heal`: the start that decoding must spell again before it says something new.

    `stop` are markers: the answer ends where the model says one of them.
    """

    parts: tuple[Part, ...]
    heal: str = ""
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to decode. `temperature` 0 is greedy; `max_ms` bounds one answer, 0 leaves it unbounded.

    `stop` are texts: the answer ends before the first of them.
    """

    max_tokens: int = 64
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    seed: int = 0
    max_ms: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """What one answer cost. `n_reused` of the `n_prompt` tokens came from the KV cache; tokenizing is prefill."""

    n_prompt: int = 0
    n_reused: int = 0
    n_decoded: int = 0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    why_stopped: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of an answer. `logprob` is natural, summed over `token_ids`; `stats` are the answer's so far.

    Only the last step says why the answer stopped, and it says nothing else.
    """

    text: str = ""
    token_ids: tuple[int, ...] = ()
    logprob: float = 0.0
    stats: Stats = Stats()

    @property
    def is_last(self) -> bool:
        return bool(self.stats.why_stopped)


@dataclass(frozen=True, slots=True)
class Completion:
    """What is offered: `text` goes in at the caret, with the document's own line ends."""

    text: str
    logprob: float = 0.0


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
