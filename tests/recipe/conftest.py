"""The recipe's programs are scripts beside each other, not a package: their folder joins the path."""

from __future__ import annotations

import sys
from pathlib import Path

RECIPE = Path(__file__).parents[2] / "models" / "tiny"

sys.path.append(str(RECIPE))
