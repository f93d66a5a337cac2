"""Holes whose middle the text behind them tells, and which the text before them does not.

They end with their line: so do most carets, and a model may know no others.
"""

from __future__ import annotations

from dataclasses import dataclass

from codels.core import Snippet


@dataclass(frozen=True, slots=True)
class Hole:
    """`‸middle‸` is cut out of a text; `snippet` is the other file that alone tells it, where there is one."""

    prefix: str
    middle: str
    suffix: str
    snippet: Snippet | None = None

    @staticmethod
    def of(text: str, snippet: Snippet | None = None) -> Hole:
        prefix, middle, suffix = text.split("‸")
        return Hole(prefix, middle, suffix, snippet)


_PYTHON = (
    "import ‸json‸\n\nprint(json.dumps(names))\n",
    "with open(path) as ‸recipe:‸\n    text = recipe.read()\n",
    "def price(item, ‸voucher):‸\n    return item.cost - voucher.value\n",
    "from garden import ‸harvest‸\n\nprint(harvest.value)\n",
    "try:\n    total = count(text)\nexcept ValueError as ‸problem:‸\n    print(problem)\n",
    "class ‸Lantern:‸\n    width = 3\n\n\nlamp = Lantern()\n",
    "import garden as ‸planet‸\n\nprint(planet.radius)\n",
    "def count(names):\n    global ‸basket‸\n    basket = len(names)\n",
)

_JAVASCRIPT = (
    "import data from ‸'planet';‸\n\nconst planet = data;\nconsole.log(planet.radius);\n",
    "function price(item, ‸voucher) {‸\n  return item.cost - voucher.value;\n}\n",
    "class ‸Lantern {‸\n}\n\nconst lamp = new Lantern();\n",
    "try {\n  count(text);\n} catch (‸problem) {‸\n  console.log(problem);\n}\n",
    "let ‸basket;‸\nbasket = names.length;\n",
    "items.forEach((‸harvest) => {‸\n  console.log(harvest.weight);\n});\n",
)

_GO = (
    "func price(cost int, ‸voucher int) int {‸\n\treturn cost - voucher\n}\n",
    'import ‸"strings"‸\n\nvar title = strings.ToUpper(name)\n',
    "type Lamp struct {\n\t‸lantern int‸\n}\n\nvar lamp = Lamp{lantern: 3}\n",
    "var ‸basket int‸\nbasket = len(names)\n",
    "func (‸tree Tree) height() int {‸\n\treturn tree.size\n}\n",
    "func count(‸names []string) int {‸\n\treturn len(names)\n}\n",
)

_C = (
    "int price(int cost, int ‸voucher) {‸\n    return cost - voucher;\n}\n",
    "#define ‸BASKET 3‸\n\nint cells[BASKET];\n",
    "struct ‸lantern {‸\n    int width;\n};\n\nstruct lantern lamp;\n",
    "int ‸harvest;‸\nharvest = collect(garden);\n",
    "double area(double ‸radius) {‸\n    return 3.14 * radius * radius;\n}\n",
    "char *‸recipe;‸\nrecipe = malloc(count);\n",
)

_LANGUAGES = {"python": _PYTHON, "javascript": _JAVASCRIPT, "go": _GO, "c": _C}

HOLES = {language: tuple(map(Hole.of, texts)) for language, texts in _LANGUAGES.items()}
"""By language, the one that is preferred first."""

_ALIKE = {"typescript": "javascript", "javascriptreact": "javascript", "typescriptreact": "javascript", "cpp": "c"}

REPO_HOLES = (
    Hole.of("from garden import ‸harvest‸\n", Snippet("garden.py", "def harvest(tree):\n    return tree.value\n")),
    Hole.of("from item import ‸voucher‸\n", Snippet("item.py", "def voucher(cost):\n    return cost\n")),
    Hole.of("from names import ‸planet‸\n", Snippet("names.py", "def planet(radius):\n    return radius\n")),
)
"""In Python, which models for several languages know."""


def language_for(languages: frozenset[str]) -> str:
    """The language to ask a model in that knows these; any where that is empty. Empty where there are no holes."""
    known = {_ALIKE.get(language, language) for language in languages}
    return next((language for language in HOLES if language in known or not known), "")
