"""Code-like text with holes whose middle stands again behind them, for models that are trained within a minute.

The names are drawn at random, so that a model cannot know which one is missing: it must look behind the hole.
"""

from __future__ import annotations

import random
from typing import NamedTuple

NAMES = ["json", "recipe", "voucher", "harvest", "problem", "Lantern", "planet", "basket", "item", "cost", "value"]
NAMES += [
    "names",
    "radius",
    "garden",
    "tree",
    "path",
    "text",
    "open",
    "lamp",
    "total",
    "count",
    "width",
    "size",
    "data",
]
KEYWORDS = ["def", "return", "import", "from", "for", "in", "with", "as", "class", "try", "except", "if", "global"]
WORDS = [*NAMES, *KEYWORDS, "print", "append", "len", "read", "price", "ValueError", "dumps"]
"""A token each; all else is spelled in bytes. Those of the probe's holes are among them, as in a real vocabulary."""

TEMPLATES = (
    "import ‸{a}‸\n\n{b}({a}.{c}({d}))\n",
    "with {b}({c}) as ‸{a}:‸\n    {d} = {a}.read()\n",
    "def {b}({c}, ‸{a}):‸\n    return {c}.{d} - {a}.{e}\n",
    "def {b}(‸{a}):‸\n    return {a}\n",
    "from {b} import ‸{a}‸\n\nprint({a}.{c})\n",
    "try:\n    {b} = {c}({d})\nexcept {e} as ‸{a}:‸\n    print({a})\n",
    "class ‸{a}:‸\n    {b} = 3\n\n\n{c} = {a}()\n",
    "import {b} as ‸{a}‸\n\nprint({a}.{c})\n",
    "def {b}({c}):\n    global ‸{a}‸\n    {a} = len({c})\n",
    "{b} = ‸{a}‸\nprint({a}, {c})\n",
    "if {b}:\n    {c} = ‸{a}‸\n    return {a}\n",
    "{b}.append(‸{a})‸\n{a} = {c}({d})\n",
)


class Hole(NamedTuple):
    """`where` is empty, or a path and the text of another file, which alone says what is missing."""

    prefix: str
    middle: str
    suffix: str
    where: tuple[str, str] = ("", "")


def hole(rng: random.Random, elsewhere: float = 0.0) -> Hole:
    """One hole; in this share of them another file has the answer."""
    a, *others = rng.sample(NAMES, 5)
    b, c, d, e = (_spelled(rng) if rng.random() < 0.3 else name for name in others)
    if rng.random() < elsewhere:
        found = Hole(f"from {b} import ", a, "\n", (f"{b}.py", f"def {a}({c}):\n    return {c}.{d}\n"))
    else:
        text = rng.choice(TEMPLATES).format(a=a, b=b, c=c, d=d, e=e)
        found = Hole(*text.split("‸"))
    # Editors' holes begin before the blank or sign that stands before the caret.
    n_cut = int(not found.prefix[-1:].isalnum() and rng.random() < 0.6) if found.prefix else 0
    cut = len(found.prefix) - n_cut
    return found._replace(prefix=found.prefix[:cut], middle=found.prefix[cut:] + found.middle)


def _spelled(rng: random.Random) -> str:
    """A name that is no token of its own."""
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyzELPSTV", k=rng.randint(2, 7)))
