"""Finds cards and the files on this machine that belong to them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeVar

import platformdirs

from codels import checkpoints, records, splits
from codels.errors import ModelError, UserError
from codels.prompt import Order
from codels.registry import card, pins
from codels.registry.card import ModelCard, ModelFile

AnyFile = TypeVar("AnyFile", bound=ModelFile)

BUILT_IN = "codels-tiny"
"""The model that comes with codels."""

_CARDS = Path(__file__).parent / "cards"
_WEIGHTS = Path(__file__).parent.parent / "weights"

_BACKEND_OF = {".gguf": "llama.cpp", ".json": "fake"}


def cards() -> dict[str, ModelCard]:
    """All cards by id; a user's card takes the place of the package's."""
    return {**package_cards(), **user_cards()[0]}


@cache
def package_cards() -> dict[str, ModelCard]:
    """The cards that come with codels, by id."""
    found = (card.parse(path.read_text("utf-8"), path.name) for path in sorted(_CARDS.glob("*.toml")))
    return {c.id: c for c in found}


def user_cards() -> tuple[dict[str, ModelCard], tuple[str, ...]]:
    """The cards in `cards_folder()` by id, read anew each time; and a sentence for each that was skipped."""
    found: dict[str, ModelCard] = {}
    problems = []
    for path in sorted(cards_folder().glob("*.toml")):
        try:
            mine = _at_home(card.parse(records.read(path), str(path)))
            if mine.id in found:
                raise UserError(f"the model card {path} has the id {mine.id}, as another one before it")
        except (UserError, OSError, RuntimeError, ValueError) as error:  # RuntimeError: a home of nobody
            said = str(error) if isinstance(error, UserError) else f"the model card {path} cannot be read: {error}"
            problems.append(f"{said}; it is skipped")
            continue
        found[mine.id] = mine
    return found, tuple(problems)


def _at_home(mine: ModelCard) -> ModelCard:
    """A user's card says where a file of the user lies: a bare name is one in the models folder."""
    return replace(mine, files=tuple(map(_placed, mine.files)), adapters=tuple(map(_placed, mine.adapters)))


def _placed(file: AnyFile) -> AnyFile:
    return file if file.repo else replace(file, path=str(models_folder() / Path(file.path).expanduser()))


def models_folder() -> Path:
    """Where model files lie: those that were pulled, in a folder each; others, to be named without their paths."""
    return platformdirs.user_data_path("codels", appauthor=False) / "models"


def cards_folder() -> Path:
    """Where users put cards of their own, a TOML file each."""
    return platformdirs.user_config_path("codels", appauthor=False) / "models"


def find(name: str) -> ModelCard:
    """The card of a model: an id, `ID:QUANTISATION`, or one made up for a path or a file in `models_folder()`.

    The path may be that of a folder as transformers keeps models, or of the weights in it.
    """
    known = cards()
    bare, colon, quantisation = name.partition(":")
    if bare in known:
        return known[bare].choose(quantisation) if colon else known[bare]
    path = Path(name).expanduser()
    if not path.exists() and (models_folder() / name).exists():
        path = models_folder() / name
    if folder := _checkpoint(path):
        return folder
    backend = _BACKEND_OF.get(path.suffix.lower())
    if backend:
        family = "codels" if backend == "fake" else ""
        order = Order.SPM if family else Order.PSM
        files = tuple(ModelFile(part) for part in splits.parts(str(path.absolute())))
        return ModelCard(path.name, backend, files, family=family, order=order)
    card_path = cards_folder() / f"{bare}.toml"
    skipped = next((problem for problem in user_cards()[1] if f" {card_path} " in problem), "")
    if skipped:
        raise UserError(f"there is no model {name!r}: {skipped}")
    raise UserError(
        f"there is no model {name!r}; `codels models list` shows those that there are, or name the path of a .gguf "
        "file, or of a folder with config.json and safetensors"
    )


def _checkpoint(path: Path) -> ModelCard | None:
    """A card for a folder of transformers'; none where it is no such. Raises `ModelError` for one without weights."""
    folder = path if path.is_dir() else path.parent
    is_weights = path.suffix == Path(checkpoints.SAFETENSORS).suffix and path.is_file()
    if not ((path.is_dir() or is_weights) and checkpoints.is_checkpoint(folder)):
        return None
    try:
        weights, files = checkpoints.weights(folder), checkpoints.files(folder)
    except ValueError as error:
        raise ModelError(f"{error}; fetch the model again") from error
    if not weights:
        raise ModelError(f"{folder} has a {checkpoints.CONFIG} but no {checkpoints.SAFETENSORS}: fetch the model again")
    name = folder.absolute().name
    return ModelCard(name, "transformers", tuple(ModelFile(str(file.absolute())) for file in files))


def place(model: ModelCard, file: ModelFile) -> Path:
    """Where a file of a model lies, or will."""
    if file.repo:
        return models_folder() / model.name / file.path
    return _WEIGHTS / file.path  # an absolute path stays as it is


def is_built_in(model: ModelCard) -> bool:
    """Whether its files come with codels."""
    return bool(model.files) and all(not file.repo and not Path(file.path).is_absolute() for file in model.files)


def files(model: ModelCard) -> dict[Path, ModelFile]:
    """The files of the first quantisation that is there whole, the main one first, and the adapters, with what is known
    of each.

    None of a model that is served elsewhere. Raises `ModelError` where they are not there, with the remedy.
    """
    for quantisation in model.quantisations:
        places = {place(model, file): file for file in model.needed(quantisation)}
        if all(path.is_file() for path in places):
            return {path: pins.pinned(file, path) for path, file in places.items()}
    missing = [file for file in model.needed(model.quantisations[0]) if not place(model, file).is_file()]
    if any(file.repo for file in missing):
        raise ModelError(f"the model {model.id} is not on this machine: `codels models pull {model.id}` fetches it")
    path = place(model, missing[0])
    if missing[0] in model.adapters:
        raise ModelError(f"the adapter {path} does not exist; correct its path in the card of {model.id}, or remove it")
    said = f"the model file {path} {'is no file' if path.exists() else 'does not exist'}"
    if model.id == path.name:
        raise ModelError(f"{said}; name another one in codels.model")
    removes = f"`codels models rm {model.id}` removes one that `add` wrote"
    raise ModelError(f"{said}; correct its path in the card of {model.id} ({removes})")


def adapters(model: ModelCard) -> tuple[tuple[str, float], ...]:
    """The paths of the adapters, and their scales."""
    return tuple((str(place(model, adapter)), adapter.scale) for adapter in model.adapters)


def locate(model: ModelCard) -> Path:
    """The main file of a model. Raises `ModelError` where one is missing or has another size than its card says, or
    where the model is served elsewhere.
    """
    if model.remote:
        raise ModelError(f"the model {model.id} has no file here: it is served at {model.remote.url}")
    there = files(model)
    for path, file in there.items():
        if file.size and path.stat().st_size != file.size:
            said = f"{path} has {path.stat().st_size} bytes where its card says {file.size}"
            helps = f"`codels models pull {model.id}` fetches it again" if file.repo else remedy(model)
            raise ModelError(f"{said}: it is truncated or changed; {helps}")
    return next(iter(there))


def verify(model: ModelCard) -> bool:
    """Whether each file with a known hash has that; reads the whole files."""
    locate(model)
    return all(pins.digest(path) == file.sha256 for path, file in files(model).items() if file.sha256)


def remedy(model: ModelCard) -> str:
    """What helps where the content of a file is not as its card says."""
    if is_built_in(model):
        return "install codels again"
    if any(file.repo for file in model.all_files):
        return f"`codels models rm {model.id}`, then pull it again"
    anew = f"where `add` wrote it: `codels models rm {model.id}`, then add it"
    return f"fetch the file again, or correct its card ({anew})"
