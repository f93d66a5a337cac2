"""What the README says of models is what their cards say."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_table_of_models_is_not_stale() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    filled = runpy.run_path(str(ROOT / ".ci" / "readme.py"))["filled"](text)
    assert filled == text, "`make readme` writes the table anew"
