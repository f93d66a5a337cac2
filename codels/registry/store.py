"""Finds cards and the files on this machine that belong to them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import platformdirs

from codels.errors import ModelError, UserError
from codels.prompt import Order
from codels.registry import card
from codels.registry.card import ModelCard, ModelFile

_CARDS = Path(__file__).parent / "cards"
_WEIGHTS = Path(__file__).parent.parent / "weights"

_BACKEND_OF = {".gguf": "llama.cpp", ".json": "fake"}


@cache
def cards() -> dict[str, ModelCard]:
    """All cards by id."""
    found = (card.parse(path.read_text("utf-8"), path.name) for path in sorted(_CARDS.glob("*.toml")))
    return {c.id: c for c in found}


def models_folder() -> Path:
    """Where a model file can be put, to be named without its path."""
    return platformdirs.user_data_path("codels", appauthor=False) / "models"


def find(name: str) -> ModelCard:
    """The card of a model id, or one made up for a model file: a path, or a name in `models_folder()`."""
    if name in cards():
        return cards()[name]
    path = Path(name).expanduser()
    if not path.is_file() and (models_folder() / name).is_file():
        path = models_folder() / name
    if path.suffix in _BACKEND_OF:
        family = "codels" if path.suffix == ".json" else ""
        order = Order.SPM if family else Order.PSM
        return ModelCard(
            path.name, _BACKEND_OF[path.suffix], (ModelFile(str(path.absolute())),), family=family, order=order
        )
    raise UserError(f"there is no model {name!r}; known are {', '.join(cards())}, or name the path of a .gguf file")


def locate(model: ModelCard) -> Path:
    """The main file of a model. Raises `ModelError` where it is missing or has another size than its card says."""
    file = model.files[0]
    path = _WEIGHTS / file.path  # an absolute path stays as it is
    if not path.is_file():
        raise ModelError(f"the model file {path} does not exist; name another one in codels.model")
    if file.size and path.stat().st_size != file.size:
        raise ModelError(
            f"{path} has {path.stat().st_size} bytes where its card says {file.size}: it is truncated or changed; "
            "install codels again, or fetch the file again"
        )
    return path


def verify(model: ModelCard) -> bool:
    """Whether the main file's hash is the card's; reads the whole file."""
    file = model.files[0]
    with locate(model).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
