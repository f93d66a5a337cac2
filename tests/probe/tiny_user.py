"""What a user of the small models has and hears."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

MODELS = Path(__file__).parent / "models"


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


Codels = Callable[..., Said]


def app(folder: Path) -> str:
    """A file with a hole, and where."""
    (folder / "app.py").write_text("from garden import \n\nprint(harvest.value)\n", "utf-8")
    return f"{folder / 'app.py'}:1:20"
