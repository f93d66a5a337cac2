"""Writes the README's table of models from their cards: `python .ci/readme.py`. A test says when it is stale."""

from __future__ import annotations

from pathlib import Path

from codels.registry import memory, store, uses
from codels.registry.card import ModelCard
from codels.sizes import size_text

README = Path(__file__).resolve().parent.parent / "README.md"

START, END = "<!-- models: written by .ci/readme.py -->\n", "<!-- end of models -->\n"

HEAD = """\
| model | languages | context window | quantisation | size | memory | licence |
|---|---|---|---|---|---|---|
"""

FOOT = "| any `.gguf` file, or folder of safetensors, by its path | its own | its own | | its own | | its own |\n"

BUILT_IN = "[`{id}`](models/tiny/README.md) (built in)"

LATER = "†"
"""Beside models that codels cannot run yet."""


def table() -> str:
    """The built-in model first, then the others by their names."""
    cards = sorted(store.package_cards().values(), key=lambda card: (bool(card.files[0].repo), card.id))
    return HEAD + "".join(map(_row, cards)) + FOOT


def _row(card: ModelCard) -> str:
    quantisation = card.quantisations[0]
    sizes = [file.size for file in card.files if file.quantisation == quantisation]
    need = memory.estimate(card, quantisation, memory.context_window(card)).total_bytes
    cells = (
        f"`{card.id}`{LATER * bool(uses.not_yet(card))}" if card.files[0].repo else BUILT_IN.format(id=card.id),
        ", ".join(name.capitalize() for name in sorted(card.languages)) or "many",
        f"{card.context_window:,} tokens" if card.context_window else "",
        quantisation,
        size_text(sum(sizes)) if all(sizes) else "",
        size_text(need) if need else "",
        card.license + ("\\*" if card.license_note else ""),
    )
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|\n"


def filled(text: str) -> str:
    """The README with the table as it should be."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}{table()}{END}{after}"


if __name__ == "__main__":
    README.write_text(filled(README.read_text("utf-8")), "utf-8")
