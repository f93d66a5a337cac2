"""What a file says about its own next words."""

from __future__ import annotations

import pytest
from helpers import site

from codels.evaluate import baselines

ROWS = [
    # baseline, the caret, what it says
    ("copy", "for item in items:\n    go(item)\nfor item ‸\n", "in items:"),
    ("copy", "x = 1\ny = ab‸\nz = abc\n", "c"),
    ("copy", "value = ab‸\nz = value = abcd\n", "cd"),
    ("copy", "foo(a)\nfoo(b)\nfoo(‸\n", "b)"),
    ("copy", "‸\n", ""),
    ("copy", "a‸", ""),
    ("copy", "import os\r\nimport o‸\r\n", "s"),
    ("frequent", "    x = 1\n    x = 2\n    x = 2\n    x‸\n", " = 2"),
    ("frequent", "    x = 1\n    y = 2\n    ‸\n", "x = 1"),
    ("frequent", "x = 1\n    ‸\n", ""),
    ("frequent", "pass\npass\n‸\npass\n", "pass"),
    ("frequent", "return\nret‸urn\n", "urn"),
    ("ngram", "a = get(b)\nc = g‸\n", "et(b)"),
    ("ngram", "a = get(b)\nc = get‸\n", "(b)"),
    ("ngram", "x.a = 1\ny.a = 2\ny.a = 2\ny.‸\n", "a = 2"),
    ("ngram", "‸\nfor x in y:\n", ""),
    ("ngram", "f‸\nfor x in y:\n", "or x in y:"),
    ("ngram", "unknown‸", ""),
    ("ngram", "", ""),
]


@pytest.mark.parametrize(("name", "drawn", "said"), ROWS)
def test_what_a_baseline_says(name: str, drawn: str, said: str) -> None:
    assert baselines.BASELINES[name](site(drawn or "‸")) == said


BLOCKS = [
    ("copy", "def f():\n    a()\n    b()\n\ndef f():\n    ‸\n", "a()\n    b()\n"),
    ("ngram", "def f():\n    a()\n    b()\nc()\ndef f():\n    ‸\n", "a()\n    b()"),
]


@pytest.mark.parametrize(("name", "drawn", "said"), BLOCKS)
def test_what_a_baseline_says_of_a_block(name: str, drawn: str, said: str) -> None:
    assert baselines.BLOCK_BASELINES[name](site(drawn)).rstrip() == said.rstrip()


def test_a_loop_in_the_file_ends() -> None:
    assert len(baselines.ngram(site("a a a a a a a a\nb = a‸\n"))) <= 2 * baselines.MAX_TOKENS
