"""Cards of scripted models, as a user would write them."""

from __future__ import annotations

import json
from pathlib import Path


def write_card(folder: Path, id_: str, path: Path, *skills: str) -> Path:
    """The card of the script at `path`, in the folder of the user's cards."""
    place = folder / f"{id_}.toml"
    rows = {"id": id_, "backend": "fake", "family": "codels", "order": "spm", "skills": skills}
    lines = [f"{key} = {json.dumps(value)}" for key, value in rows.items()]
    place.write_text("\n".join([*lines, "[[files]]", f"path = {json.dumps(str(path))}", ""]), "utf-8")
    return place
