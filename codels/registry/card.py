"""Model cards: TOML files that hold everything codels knows about a model. The code knows no model by name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from codels import splits
from codels.copyweights import CopyWeights
from codels.core import Skill
from codels.endpoint import Endpoint, Kind
from codels.errors import UserError
from codels.gate import Gate
from codels.prompt import Order
from codels.prompt.families import FAMILIES
from codels.registry.fields import ADAPTER_FIELDS, CARD_FIELDS, FILE_FIELDS, Field, check, check_remote, stays_inside

REMOTE = "remote"
"""The back end of models that another program serves."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model: in the repository `repo` of the hub, else in the package or at an absolute path.

    `size` in bytes and `sha256` in hex; 0 and empty: not known, and pinned at the first pull. `revision` empty: the
    newest there is at that pull.
    """

    path: str
    size: int = 0
    sha256: str = ""
    repo: str = ""
    revision: str = ""
    quantisation: str = ""


@dataclass(frozen=True, slots=True)
class AdapterFile(ModelFile):
    """A LoRA adapter for all quantisations of a model; `scale` times as much of it as it was trained to."""

    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class ModelCard:
    """`family` empty: nobody wrote it down, the vocabulary is asked. `languages` empty: any. Numbers 0: not known.

    Files of one quantisation belong together, the main one first; files of another are another choice.
    """

    id: str
    backend: str
    files: tuple[ModelFile, ...]
    title: str = ""
    family: str = ""
    order: Order = Order.PSM
    skills: frozenset[Skill] = frozenset({Skill.FIM})
    languages: frozenset[str] = frozenset()
    context_window: int = 0
    license: str = ""
    license_note: str = ""
    """Where the licence restricts use."""
    repo: str = ""
    """Where its makers published it."""
    sources: tuple[str, ...] = ()
    """Where the card's facts are from."""
    note: str = ""
    """Why the model does less than others, for people."""
    parameters: int = 0
    layers: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    copy_weights: CopyWeights = ()
    """Of `backends/copying.py`, for models that profit; none leaves copying out."""
    beams: int = 1
    """Of `backends/beams.py`, for models that profit; 1 is greedy."""
    gate: Gate | None = None
    probe: bool = True
    """False: what the card says is believed, and no known holes are asked for."""
    adapters: tuple[AdapterFile, ...] = ()
    remote: Endpoint | None = None
    """Who serves a model of the back end `remote`, which has no files here."""

    @property
    def name(self) -> str:
        """The id without a chosen quantisation: what its folder is called."""
        return self.id.partition(":")[0]

    @property
    def quantisations(self) -> tuple[str, ...]:
        """The choices of files, the card's own choice first; one without name where there are none."""
        return tuple(dict.fromkeys(file.quantisation for file in self.files)) or ("",)

    @property
    def all_files(self) -> tuple[ModelFile, ...]:
        """Those of all choices, and the adapters."""
        return (*self.files, *self.adapters)

    def needed(self, quantisation: str) -> tuple[ModelFile, ...]:
        """The files of one choice, the main one first, and the adapters."""
        return tuple(file for file in self.files if file.quantisation == quantisation) + self.adapters

    def choose(self, quantisation: str) -> ModelCard:
        """The card with the files of one quantisation only. Raises `UserError` where it has none of that."""
        chosen = tuple(file for file in self.files if file.quantisation.lower() == quantisation.lower())
        if not chosen:
            there = ", ".join(filter(None, self.quantisations)) or "none"
            raise UserError(f"the model {self.name} has no quantisation {quantisation!r:.60}; there are: {there}")
        return replace(self, id=f"{self.name}:{chosen[0].quantisation}", files=chosen)


def parse(text: str, name: str) -> ModelCard:
    """The card in `text`. Raises `UserError` that names the file, the field and what it may be."""
    try:
        return _card(tomllib.loads(text))
    except ValueError as error:  # TOML's errors are such, too
        raise UserError(f"the model card {name} is not valid: {error}") from error


def _card(data: Mapping[str, Any]) -> ModelCard:
    check(data, CARD_FIELDS, "")
    remote = _remote(data)
    _check_files(data.get("files", ()), FILE_FIELDS, "file")
    _check_files(data.get("adapters", ()), ADAPTER_FIELDS, "adapter")
    card = ModelCard(
        **{
            **data,
            "files": tuple(ModelFile(**file) for file in data.get("files", ())),
            "remote": remote,
            "adapters": tuple(AdapterFile(**file) for file in data.get("adapters", ())),
            "order": Order(data.get("order", Order.PSM)),
            "skills": frozenset(Skill(skill) for skill in data.get("skills", ["fim"])),
            "languages": frozenset(data.get("languages", ())),
            "sources": tuple(data.get("sources", ())),
            "copy_weights": tuple(map(tuple, data.get("copy_weights", ()))),
            "gate": Gate(**data["gate"]) if "gate" in data else None,
        }
    )
    if len({file.path for file in card.all_files}) < len(card.all_files):
        raise ValueError("two files have the same path")
    splits.check([file.path for file in card.files])
    if card.family and not FAMILIES[card.family].template(card.order):
        raise ValueError(f"family {card.family} has no {card.order} order")
    return card


def _remote(data: Mapping[str, Any]) -> Endpoint | None:
    """Either a server or files, as the back end wants. Its family cannot be found out, so the card names it."""
    if data["backend"] != REMOTE:
        if "remote" in data:
            raise ValueError(f"a [remote] table is for the back end {REMOTE}, not for {data['backend']!r:.60}")
        if "files" not in data:
            raise ValueError(f"files is missing; it must be {CARD_FIELDS['files'][1]}")
        return None
    if "remote" not in data:
        raise ValueError("remote is missing; it must be a [remote] table that says at which url the model is served")
    if data.get("files") or data.get("adapters"):
        raise ValueError("a model with a [remote] table has no files of its own")
    if not data.get("family"):
        raise ValueError("family is missing: of a model with a [remote] table it must be named; plain has no markers")
    check_remote(data["remote"])
    said = data["remote"]
    return Endpoint(**{**said, "url": said["url"].rstrip("/"), "kind": Kind(said.get("kind", Kind.OPENAI))})


def _check_files(files: Sequence[Mapping[str, Any]], known: Mapping[str, Field], kind: str) -> None:
    for number, file in enumerate(files, 1):
        check(file, known, f"{kind} {number}: ")
        if file.get("repo") and not stays_inside(file["path"]):
            raise ValueError(f"{kind} {number}: path must lie inside the repository, not {file['path']!r:.60}")


assert set(CARD_FIELDS) == {field.name for field in fields(ModelCard)}
assert set(FILE_FIELDS) == {field.name for field in fields(ModelFile)}
assert set(ADAPTER_FIELDS) == {field.name for field in fields(AdapterFile)} - {"quantisation"}
