"""From a window of text to the exact prompt that a model family was trained on.

A family is a row in `families.py`; `render` reads the row. Markers become special parts, user text never does:
a file that is full of markers reaches the model as plain characters, cut where a tokenizer could find a marker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from functools import cached_property
from itertools import groupby

from codels.core import Snippet
from codels.generation import BOS, Part, Prompt
from codels.prompt import heal
from codels.prompt.budget import Window
from codels.seams import seams


class Order(StrEnum):
    """Which side of the caret the model reads first. Suffix-first keeps the KV cache while typing."""

    PSM = "psm"
    SPM = "spm"


class Slot(Enum):
    """Places in a template that text fills."""

    PREFIX = 0
    SUFFIX = 1
    JOINED_SUFFIX = 2  # without the blank that SentencePiece puts before a text
    JOINED_PREFIX = 3
    FILES = 4
    REPO = 5
    PATH = 6
    TEXT = 7
    LANGUAGE = 8


@dataclass(frozen=True, slots=True)
class Plain:
    """Literal text of a template that is not a marker."""

    text: str


Template = tuple[str | Plain | Slot, ...]
"""Strings are markers: each must be one special token of the model."""


@dataclass(frozen=True)
class Family:
    """How one family of models wants its prompt. `source` says where that is written.

    An order whose template is empty is not known to the family. `stop` are markers that end an answer;
    the model's own end-of-text token always does. `opening` stands at the start of an encoder–decoder's answer.
    """

    name: str
    source: str
    psm: Template = ()
    spm: Template = ()
    repo_psm: Template = ()
    repo_spm: Template = ()
    file: Template = ()
    stop: tuple[str, ...] = ()
    bos: bool = False
    opening: str = ""
    is_own: bool = False
    """Ours, and trained mostly suffix-first."""

    def template(self, order: Order, is_repo: bool = False) -> Template:
        if is_repo:
            return self.repo_psm if order is Order.PSM else self.repo_spm
        return self.psm if order is Order.PSM else self.spm

    @property
    def markers(self) -> tuple[str, ...]:
        """Every marker of the plain templates, each once."""
        return _strings((*self.psm, *self.spm))

    @cached_property
    def all_markers(self) -> tuple[str, ...]:
        """Those that end an answer, stand between files or open an answer, too."""
        fields = (*self.psm, *self.spm, *self.repo_psm, *self.repo_spm, *self.file, *self.stop, self.opening)
        return tuple(marker for marker in _strings(fields) if marker)


@dataclass(frozen=True, slots=True)
class Place:
    """What some templates say about the file: its name, its folder's name, its language; never a whole path."""

    path: str = ""
    repo: str = ""
    language: str = ""


def render(family: Family, order: Order, window: Window, place: Place, heals: bool = True) -> Prompt:
    """The prompt for `window`. With snippets the repository form is used where the family has one. A backend that
    cannot hold decoding to a start shows the model the whole text before the caret: `heals` is false.
    """
    is_repo = bool(window.snippets and family.template(order, is_repo=True))
    template = family.template(order, is_repo)
    if not template:
        raise ValueError(f"family {family.name} has no {order} template")
    shown, spelled_again = heal.split(window.prefix) if heals else (window.prefix, "")
    values = {
        Slot.PREFIX: shown,
        Slot.JOINED_PREFIX: shown,
        Slot.SUFFIX: window.suffix,
        Slot.JOINED_SUFFIX: window.suffix,
        Slot.PATH: place.path,
        Slot.REPO: place.repo,
        Slot.LANGUAGE: place.language,
    }
    parts = (BOS,) * family.bos + tuple(_parts(family, template, values, window.snippets))
    harmless = (piece for part in _whole(parts) for piece in _harmless(part, family))
    return Prompt(tuple(harmless), spelled_again, family.stop, opening=family.opening)


def _parts(
    family: Family, template: Template, values: dict[Slot, str], snippets: tuple[Snippet, ...]
) -> Iterator[Part]:
    for field in template:
        if isinstance(field, str):
            yield Part(field, special=True)
        elif isinstance(field, Plain):
            yield Part(field.text, joined=True)
        elif field is Slot.FILES:
            for snippet in snippets:
                yield from _parts(family, family.file, {Slot.PATH: snippet.path, Slot.TEXT: snippet.text}, ())
        else:
            yield Part(values[field], joined=field not in (Slot.PREFIX, Slot.SUFFIX))


def _whole(parts: Iterable[Part]) -> Iterator[Part]:
    """Neighbouring texts as one part, since models saw them tokenized as one; empty ones left out."""
    for is_special, group in groupby(parts, key=lambda part: part.special):
        if is_special:
            yield from group
            continue
        texts = [part for part in group if part.text]
        if texts:
            yield replace(texts[0], text="".join(part.text for part in texts))


def _harmless(part: Part, family: Family) -> Iterator[Part]:
    """A text in pieces, none of which holds a whole marker.

    llama.cpp finds a vocabulary's user-defined tokens in any text, DeepSeek-Coder's <|EOT|> for one.
    """
    if part.special or not any(marker in part.text for marker in family.all_markers):
        yield part
        return
    first, *rest = seams(family.all_markers).split(part.text)
    yield replace(part, text=first)
    yield from (Part(text, joined=True) for text in rest)


def _strings(fields: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(field for field in fields if isinstance(field, str)))
