"""`codels models add`: a card for a model file of the user's, with what the probe finds out about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from codels import verdicts
from codels.backends import ModelInfo
from codels.commands.run import with_runtime
from codels.errors import UserError
from codels.probe import Verdict
from codels.registry import card, pins, store
from codels.request import Model
from codels.resolve import subject
from codels.runtime import Runtime
from codels.settings import Settings


def add(name: str, id_: str, is_json: bool) -> int:
    """Load the file at the path `name`, and write its card. Raises `CodelsError` where it cannot be loaded."""
    path = Path(name).expanduser()
    if not path.is_file():
        raise UserError(
            f"{name!r} is no file; a repository cannot be added yet: fetch its .gguf file, and name its path"
        )
    chosen = id_ or re.sub("[^A-Za-z0-9._+-]+", "-", path.stem).strip("-._+")
    if chosen in store.cards():
        raise UserError(f"there is a model {chosen} already: choose another name with --id")
    backend = store.find(str(path)).backend
    model, info, verdict = with_runtime(Settings(model=str(path)), _loaded)
    text = _card(chosen, backend, path.absolute(), model)
    place = store.cards_folder() / f"{chosen}.toml"
    mine = card.parse(text, str(place))  # a name that no card can have shows here
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        raise UserError(f"{place} exists, but its card is broken or another model's: choose another name with --id")
    place.write_text(text, "utf-8")
    if verdict and (wanted := subject(mine, info)):  # which the card asks again
        verdicts.keep(mine.files[0].sha256, wanted, verdict)
    row = {"id": chosen, "family": model.family.name, "order": str(model.order), "card": str(place)}
    said = f"{chosen} can be used now (family {model.family.name}, order {model.order}); its card is {place}"
    print(json.dumps(row) if is_json else said)
    return 0


async def _loaded(runtime: Runtime) -> tuple[Model, ModelInfo, Verdict | None]:
    assert runtime.model is not None
    return runtime.model, await runtime.engine.ready(), runtime.verdict


def _card(id_: str, backend: str, path: Path, model: Model) -> str:
    skill = "fim" if model.family.markers else "prefix"
    rows = {"id": id_, "backend": backend, "family": model.family.name, "order": str(model.order), "skills": [skill]}
    file = {"path": str(path), "size": path.stat().st_size, "sha256": pins.digest(path)}
    return f"{_lines(rows)}\n[[files]]\n{_lines(file)}"


def _lines(rows: Mapping[str, object]) -> str:
    """TOML; its texts, numbers and lists of texts are written as JSON's."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in rows.items())
