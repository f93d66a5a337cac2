"""What the names of GGUF files say: their quantisation, and which choices of files a repository has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from codels.errors import UserError
from codels.registry.card import ModelFile
from codels.sizes import size_text
from codels.splits import parts

_QUANTISATION = re.compile(
    r"(?<![A-Za-z0-9])((?:IQ|TQ|Q)\d(?:_[A-Z0-9]+)*|BF16|F16|FP16|F32|MXFP4(?:_[A-Z]+)?)(?![A-Za-z0-9])", re.I
)

_OTHERS = ("mmproj", "imatrix")
"""What files begin with that are no model of their own."""


def quantisation(path: str) -> str:
    """Q4_K_M and the like, in capitals; empty where the name says none."""
    found = _QUANTISATION.findall(PurePosixPath(path).name) or _QUANTISATION.findall(path)
    return str(found[-1]).upper().replace("FP16", "F16") if found else ""


def choices(files: Iterable[ModelFile]) -> dict[str, tuple[ModelFile, ...]]:
    """The models among the files of a repository, by quantisation, or by name where that does not tell them apart.

    Raises `UserError` where parts of one are missing.
    """
    by_path = {file.path: file for file in files if _is_model(file.path)}
    models = {parts(path)[0]: parts(path) for path in by_path}
    names = [quantisation(first) for first in models]
    found = {}
    for first, paths in models.items():
        if missing := [path for path in paths if path not in by_path]:
            raise UserError(
                f"{next(iter(by_path.values())).repo} has not all parts of a model: {missing[0]} is missing"
            )
        named = quantisation(first)
        name = named if named and names.count(named) == 1 else PurePosixPath(first).stem
        label = re.sub("[^A-Za-z0-9_.-]", "-", name)
        found[label] = tuple(replace(by_path[path], quantisation=label) for path in paths)
    return found


def choose(files: Iterable[ModelFile], wanted: str, repo: str) -> tuple[ModelFile, ...]:
    """The files of the model that `wanted` names: a quantisation, or a file; empty: the only one there is.

    Raises `UserError` that lists the choices.
    """
    there = choices(files)
    if not there:
        raise UserError(f"{repo} has no .gguf file: look for a repository with GGUF files of the model (often …-GGUF)")
    if wanted:
        for name, chosen in there.items():
            if wanted.lower() in (name.lower(), chosen[0].quantisation.lower(), *(f.path.lower() for f in chosen)):
                return chosen
    elif len(there) == 1:
        return next(iter(there.values()))
    listed = ", ".join(f"{name} ({size_text(sum(file.size for file in f))})" for name, f in there.items())
    problem = f"no {wanted!r:.60}" if wanted else "several models"
    raise UserError(
        f"{repo} has {problem}; there are: {listed}; choose one: `codels models add {repo}:{next(iter(there))}`"
    )


def _is_model(path: str) -> bool:
    name = PurePosixPath(path).name.lower()
    return name.endswith(".gguf") and not name.startswith(_OTHERS)
