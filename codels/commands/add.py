"""`codels models add`: a card for a file or folder of the user's, or a repository of the hub, after a look at it."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from codels import checkpoints, verdicts
from codels.backends import ModelInfo
from codels.cancel import CancelToken
from codels.commands.pull import fetch
from codels.commands.run import with_runtime
from codels.core import Role
from codels.dispatch.skills import SKILLS
from codels.errors import CodelsError, DownloadError, ModelError, UserError
from codels.probe import Finding, Verdict, words
from codels.registry import gguf_names, mycards, partial, pins, source, store, uses
from codels.registry.card import ModelCard, ModelFile
from codels.registry.download import Hub
from codels.registry.source import Source
from codels.request import Model
from codels.resolve import skills, subject
from codels.runtime import Runtime
from codels.settings import Settings


@dataclass(frozen=True, slots=True)
class Seen:
    """A model that was loaded, and what the probe found; None where there was nothing to find out."""

    model: Model
    info: ModelInfo
    verdict: Verdict | None


def add(name: str, id_: str, is_offline: bool, is_json: bool) -> int:
    """The file or folder at the path `name`, or the repository of that name, becomes a model. Raises `CodelsError`."""
    if path := _place(name):
        return _add_file(path, id_, is_json)
    if found := source.parse(name):
        return _add_repository(found, id_, is_offline, is_json)
    raise UserError(
        f"{name!r:.80} is no file, no folder of a model, and no repository of the hub such as owner/name or "
        "owner/name:Q4_K_M"
    )


def _place(name: str) -> Path | None:
    """The file of that name, or the folder of a model; none where there is none, or no file system takes the name."""
    try:
        path = Path(name).expanduser()
        return path if path.is_file() or checkpoints.is_checkpoint(path) else None
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a home of nobody
        return None


def _add_file(path: Path, id_: str, is_json: bool) -> int:
    model = store.find(str(path))
    id_ = id_ or _id(path.stem if path.is_file() else model.id)
    mycards.check(id_)
    before = mycards.written(id_)
    if id_ in store.cards() and not (before and Path(before.files[0].path) in (path.absolute(), _main(model))):
        raise UserError(f"there is a model {id_} already: choose another name with --id")
    for file in model.files:
        if not Path(file.path).is_file():
            raise UserError(f"{path} is a part of a model, and {file.path} is missing: all parts must be there")
    seen = with_runtime(Settings(model=model.files[0].path), _look)
    files = (
        replace(file, size=Path(file.path).stat().st_size, sha256=pins.digest(Path(file.path))) for file in model.files
    )
    return _finish(id_, {"backend": model.backend}, tuple(files), seen, is_json)


def _main(model: ModelCard) -> Path:
    return Path(model.files[0].path)


def _add_repository(found: Source, id_: str, is_offline: bool, is_json: bool) -> int:
    if is_offline:
        raise DownloadError(f"nothing is fetched offline: the .gguf files of {found.repo} on the hub would be needed")
    hub = Hub(ModelFile("", repo=found.repo, revision=found.revision), _tell, CancelToken())
    said = hub.list()
    files = gguf_names.choose(said.files, found.choice, found.repo)
    id_ = id_ or _id(found.repo.partition("/")[2])
    before = mycards.written(id_)
    if id_ in store.cards() and not (before and before.files[0].repo == found.repo):
        raise UserError(f"there is a model {id_} already: choose another name with --id")
    others = tuple(file for file in before.files if file.quantisation != files[0].quantisation) if before else ()
    facts: dict[str, object] = {"backend": "llama.cpp", "license": said.license, "repo": found.repo}
    place = mycards.write(id_, facts, (*files, *others))
    try:
        fetch(store.find(id_), is_offline)
    except BaseException:
        _keep_what_came(id_)
        raise
    try:
        seen = with_runtime(Settings(model=id_), _look)
    except CodelsError as error:
        mycards.write(id_, {**facts, "family": "plain", "skills": ["prefix"]}, (*files, *others))
        raise ModelError(f"{id_} could not be probed, so its card {place} says prefix-only: {error}") from error
    return _finish(id_, facts, (*files, *others), seen, is_json)


def _keep_what_came(id_: str) -> None:
    """A card of which nothing has come is of no use; of one that is half there `codels models pull` goes on."""
    model = mycards.written(id_)
    places = [store.place(model, file) for file in model.files] if model else []
    if any(place.exists() or partial.of(place) for place in places):
        _tell(f"`codels models pull {id_}` goes on from there")
    else:
        mycards.remove(id_)


def _finish(id_: str, facts: dict[str, object], files: tuple[ModelFile, ...], seen: Seen, is_json: bool) -> int:
    """The card says what was seen."""
    if seen.verdict and seen.verdict.finding is Finding.BROKEN:
        raise ModelError(f"{id_} was not added: {words.reason(seen.verdict)}")
    family, order = seen.model.family.name if seen.info.can_write else "", str(seen.model.order)
    more = {"family": family, "order": order, "skills": skills(seen.model, seen.info)}
    note = words.reason(seen.verdict) if seen.verdict and not seen.verdict.can_fill else ""
    place = mycards.write(id_, {**facts, **more, "note": note}, files)
    written = store.find(id_)
    if seen.verdict and (wanted := subject(written, seen.info)):  # which the card asks again
        verdicts.keep(verdicts.known_digest(written), wanted, seen.verdict)
    how = f"family {family}, order {order}" if family else ", ".join(uses.abilities(written))
    said = f"{id_} can be used now ({how}); its card is {place}"
    row = {"id": id_, "family": family, "order": order, "card": str(place)}
    print(json.dumps(row) if is_json else f"{said}\n{_next(written)}")
    return 0


def _next(model: ModelCard) -> str:
    """What the user does to see it at work."""
    role = next(role for role, skills in SKILLS.items() if model.skills & set(skills))
    option = "" if role is Role.COMPLETION else f" --role {role}"
    return f"`codels models use {model.id}{option}` makes it the model for {role}, also in editors that are running"


def _id(name: str) -> str:
    """A name that a card can have, without what says only that the model is a GGUF file, or its first part."""
    name = re.sub(r"-00001-of-\d{5}$|[-._]gguf$", "", name, flags=re.I)
    return re.sub("[^A-Za-z0-9._+-]+", "-", name).strip("-._+")


async def _look(runtime: Runtime) -> Seen:
    assert runtime.model is not None
    return Seen(runtime.model, await runtime.engine.ready(), runtime.verdict)


def _tell(sentence: str) -> None:
    print(f"codels: {sentence}", file=sys.stderr)
