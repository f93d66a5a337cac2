"""Where the recipe lies."""

from pathlib import Path

RECIPE = Path(__file__).parents[2] / "models" / "tiny"
