"""Holes: the same for a seed, spread over packages and files, and exactly what was taken out."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest

from codels.evaluate import cuts, holes
from codels.evaluate.corpus import Source
from codels.evaluate.holes import Find
from codels.evaluate.task import Task
from codels.lines import split_lines

CODE = '''
def f{n}(a, b):
    """Add two things{n}.

    Or more.
    """
    total = a + b
    if total > {n}:
        print("é", total)
        total -= 1
    return total


class C{n}:
    """
    Holds one thing{n} and more.
    """

    def get(self):
        for x in self.things{n}:
            yield x
            break
'''

FINDS = {"line-end": cuts.line_ends, "whole": cuts.whole_lines, "block": cuts.blocks, "doc": cuts.docstrings}


def sources(n_packages: int = 4, n_files: int = 3, newline: str = "\n") -> list[Source]:
    text = "".join(CODE.replace("{n}", str(n)) for n in range(12)).replace("\n", newline)
    return [Source(f"p{p}", f"m{f}.py", f"# {p} {f}{newline}{text}") for p in range(n_packages) for f in range(n_files)]


def some(find: Find, n: int, seed: int = 0, newline: str = "\n") -> list[Task]:
    return [task for task, _ in zip(holes.holes(find, sources(newline=newline), seed), range(n), strict=False)]


def place(task: Task) -> tuple[str, str, int]:
    package, path, line, _ = task.id.split(":")
    return package, path, int(line)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("find", FINDS.values(), ids=FINDS)
def test_the_gold_fills_the_hole(find: Find, newline: str) -> None:
    texts = {(source.package, source.path): source.text for source in sources(newline=newline)}
    tasks = some(find, 30, newline=newline)
    assert len(tasks) == 30
    for task in tasks:
        site, lines = task.site, task.site.snapshot.lines
        line = lines[site.line]
        whole = "".join((*lines[: site.line], line[: site.column] + task.gold + line[site.column :]))
        assert whole + "".join(lines[site.line + 1 :]) == texts[place(task)[:2]]
        assert lines == tuple(split_lines("".join(lines)))
        assert task.gold.strip()


@pytest.mark.parametrize("find", FINDS.values(), ids=FINDS)
def test_a_seed_names_the_holes_and_more_of_them_begin_alike(find: Find) -> None:
    ids = [task.id for task in some(find, 20)]
    assert [task.id for task in some(find, 8)] == ids[:8]
    assert [task.id for task in some(find, 20, seed=1)] != ids
    assert len(set(ids)) == 20


@pytest.mark.parametrize("find", FINDS.values(), ids=FINDS)
def test_packages_and_files_take_turns(find: Find) -> None:
    tasks = some(find, 24)
    assert set(Counter(place(task)[0] for task in tasks).values()) == {6}
    assert set(Counter(place(task)[:2] for task in tasks).values()) == {2}


def test_two_holes_of_a_file_are_far_apart() -> None:
    tasks = list(holes.holes(cuts.whole_lines, sources(1, 1), 0))
    lines = sorted(place(task)[2] for task in tasks)
    assert len(lines) > 3
    assert min(b - a for a, b in pairwise(lines)) >= holes.GAP_LINES


CUTS = [
    # kind, the file, the golds there are
    ("whole", "a\n  b = 1\n\n\tc\n", {"b = 1", "c"}),
    ("whole", "a\n" + "x" * 200 + "\n", set()),
    ("block", "def f():\n    a\n    b\nc\n", {"a\n    b"}),
    ("block", "def f():\n    a\n", set()),
    ("block", "def f():\n" + "    a\n" * 9, set()),
    ("block", 'def f():\n    """Doc."""\n    b\n', set()),
    ("block", "if x:\n    a\n    b\nelse:\n    c\n    d\n", {"a\n    b", "c\n    d"}),
    ("block", "def f(\n    x,\n):\n    a\n    b\n", {"a\n    b"}),
    ("block", "if x: a; b\n", set()),
    ("block", "def f(:\n    a\n    b\n", set()),
    ("doc", 'def f():\n    """One two three."""\n', {"One two three."}),
    ("doc", "def f():\n    '''One two three.\n\n    More.\n    '''\n", {"One two three.\n\n    More."}),
    ("doc", 'class C:\n    """\n    One two three.\n    """\n', {"One two three."}),
    ("doc", 'def f():\n    """One two."""\n', set()),
    ("doc", '"""One two three."""\n', set()),
    ("doc", 'if x:\n    """One two three."""\n', set()),
    ("doc", "def f():\n    'One two three.'\n", set()),
    ("doc", 'def f():\n    r"""One two three."""\n', set()),
    ("doc", 'def f():\n    """Été: où ça?"""; x = 1\n', set()),
    ("doc", 'def f():\n    """Été où ça?"""\n', {"Été où ça?"}),
]


@pytest.mark.parametrize(("kind", "text", "golds"), CUTS)
def test_where_a_hole_may_be(kind: str, text: str, golds: set[str]) -> None:
    lines = split_lines(text)
    found = FINDS[kind](lines, random.Random(0))
    source = Source("p", "f", text)
    assert {holes._task(source, lines, cut).gold for cut in found} == golds


def test_a_line_is_cut_anywhere_behind_its_indentation() -> None:
    lines = ["first\n", "    abc  \n"]
    columns = {cut.column for seed in range(50) for cut in cuts.line_ends(lines, random.Random(seed))}
    assert columns == {4, 5, 6}
