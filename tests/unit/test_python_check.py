"""Whether a suggestion adds a syntax error: it does, or it does not, and what was broken before stays."""

import pytest
from helpers import site

from codels.checks.python import MAX_LINES, adds_syntax_error

GOOD = [
    # the caret, the suggestion
    ("‸", "import os"),
    ("‸", "def f(self):"),
    ("x = 1\n‸\n", "y = 2"),
    ("def f():\n    return 1\n\n‸\n", "def g():"),
    ("def f():\n    x = 1\n    ‸\n", "return x"),
    ("def f():\n    x = 1\n    ret‸\n    return x\n", "urn_value = 2"),
    ("foo(‸)\n", "a, b"),
    ("foo(‸)\n", "\n    a,\n    b,\n"),
    ("x = [\n    1,\n    ‸\n]\n", "2,"),
    ("x = {\n    'a': 1,\n    ‸\n}\ny = 2\n", "'b': 2,"),
    ("foo(\n‸\n)\n", "a,"),
    # a header whose body comes next
    ("‸", "class A:"),
    ("‸", "class A:  # of letters"),
    ("class A:\n    x = 1\n\n    ‸\n", "def f(self):"),
    ("class A:\n    x = 1\n\n    ‸\n", "def f(self, a, b) -> None:"),
    ("def f():\n    ‸\n", "for x in range(10):"),
    ("def f():\n    ‸\n", "with open(p) as f:"),
    ("def f():\n    ‸\n", "try:"),
    ("def f():\n    ‸\n", "match x:"),
    ("def f():\n    ‸\n", "if x:\n        try:"),
    ("match x:\n    case 1:\n        pass\n    ‸\n", "case 2:"),
    ("match x:\n    ‸\n", "case {'a': [1, *_]} if y:"),
    ("if x‸\n", ":"),
    ("async def f():\n    ‸\n", "async for x in y:"),
    ("async def f():\n    ‸\n", "await g()"),
    # goes on with the statement above
    ("if x:\n    a()\n‸\n", "else:"),
    ("if x:\n    a()\n‸\n", "elif y:"),
    ("def f():\n    if x:\n        a()\n    ‸\n", "else:\n        b()"),
    ("try:\n    a()\n‸\n", "except ValueError:"),
    ("try:\n    a()\nexcept A:\n    b()\n‸\n", "finally:"),
    ("for x in y:\n    a()\n‸\n", "else:"),
    # a block behind its header
    ("def f():‸\n", "\n    return 1"),
    ("def f():‸\n\nx = 1\n", "\n    return 1"),
    ("if x:‸\n", "\n    if y:"),
    ("try:‸\n", "\n    a()"),
    ("try:‸\nexcept A:\n    b()\n", "\n    a()"),
    ("class A:\n    def f(self):‸\n", '\n        """Say."""\n        return 1'),
    ("def f(\n    a,\n    b,\n):‸\n", "\n    return a"),
    # decorators
    ("class A:\n    x = 1\n\n    ‸\n", "@property"),
    ("class A:\n    @property\n    ‸\n", "def f(self):"),
    ("@dec\n‸\n", "class A:"),
    ("@dec\n@dec(1)\ndef f():‸\n", "\n    pass"),
    # strings of several lines
    ('x = """\n‸\n"""\n', "what (a text"),
    ('"""Module.\n\nHello ‸\n"""\n', "world, it's (me"),
    ('def f():\n    """Title.\n\n    Hello ‸\n    """\n', "world, it's (me"),
    ('def f():\n    """Title.\n\nHello ‸\n"""\n', "world, it's (me"),
    ('def f():\n    x = """\ntext at column 0\n"""\n    return ‸\n', "x"),
    ('"""Module.\n\nHello ‸\nand more."""\n', "world, it's (me"),
    ("x = '''\nHello ‸\n'''\n", "world, it is"),
    ('x = f"{‸}"\n', "y!r:>10"),
    # what looks odd and is right
    ("if (n ‸ 3) > 2:\n    pass\n", ":="),
    ("x = 1\n‸\n", "print(f'{x!r:{width}}')"),
    ("x = 1\n‸\n", "y = lambda *a, k=1: (yield)"),
    ("def f():\r\n    x = 1\r\n    ‸\r\n", "if x:\r\n        return x"),
    ("def f():\r    x = 1\r    ‸\r", "return x"),
    ("\ufeffx = ‸\n", "1"),
    ("\ufeffdef f():\n    ‸\n", "return 1"),
    ("\fdef f():\n    ‸\n\fdef g(): pass\n", "return 1"),
    ("x = 1\n‸\n", "y = '\\d'"),  # warns, but is no error
    ("def f():\n\tx = 1\n\t‸\n", "if x:\n\t\treturn x"),
    # broken before: left alone
    ("x = (\n‸\n", "def f(:"),
    ("def f(:\n    ‸\n", "return ("),
    ("class A\n    def f(self):\n        ‸\n", "return ("),
]


@pytest.mark.parametrize(("text", "suggestion"), GOOD)
def test_adds_none(text: str, suggestion: str) -> None:
    assert not adds_syntax_error(site(text), suggestion)


BAD = [
    # unfinished before, but whatever stands at the caret would be wrong
    ("x = ‸\n", "foo("),
    ("x = ‸\n", "a)"),
    ("foo(‸, b)\n", "a)"),
    ('x = f"{‸}"\n', "a b"),
    ("‸", "def f(:"),
    ("x = 1\n‸\n", "y = ="),
    ("x = 1\n‸\n", "y = foo(1"),
    ("x = 1\n‸\n", "    y = 2"),
    ("x = 1\n‸\n", "else:"),
    ("def f():\n    x = 1\n    ‸\n", "return )"),
    ("def f():\n    x = 1\n    ‸\n", "return 1\n  y = 2"),
    ("def f():\n    x = 1\n    ret‸\n", "urn x y"),
    ("foo(‸)\n", "a b"),
    ("foo(‸)\n", "a)"),
    ("foo(a‸, b)\n", ")"),
    ("x = [\n    1,\n    ‸\n]\n", "2\n    3,"),
    ("x = [\n    1,\n    ‸\n]\n", "2]"),
    ("foo(\n‸\n)\n", "a b"),
    ("def f():‸\n", "\n    return ("),
    ("def f():‸\n", "\n    return 1\n  x = 1"),
    ("def f():\n    ‸\n", "return ("),
    ("def f():\n    ‸\n", "if x"),
    ("try:‸\n", "\n    a("),
    ("try:\n    a()\nexcept A:\n    ‸\n", "b("),
    ("class A:\n    x = 1\n\n    ‸\n", "@"),
    ("class A:\n    @property\n    ‸\n", "x = 1"),
    ("match x:\n    case 1:\n        pass\n    ‸\n", "case 2 3:"),
    ("async def f():\n    x = 1\n    ‸\n", "await await"),
    ('def f():\n    """Say."""\n    ‸\n', "return ("),
    ('X = """\ntext\n"""\n\n\n‸\n', "def f(:"),
    ("def f():\r\n    x = 1\r\n    ‸\r\n", "return ("),
    ("\ufeffdef f():\n    ‸\n", "return ("),
    ("def f():\n\tx = 1\n\t‸\n", "    y = 2"),
    ("x = 1\n‸\n", "x = 1 pass"),
    ('x = f"{a‸}"\n', " b"),
    ("def f():\n    x = 1\n  ‸\n", "y = 2"),
    ("if (n ‸ 3) > 2:\n    pass\n".replace(" ‸ ", " < ‸"), "= = "),
    # another statement is broken, this one is not
    ("x = (\n\n\ndef f():\n    x = 1\n    ‸\n", "return ("),
    ("def f():\n    x = 1\n    ‸\n\ndef g(:\n", "return ("),
]


@pytest.mark.parametrize(("text", "suggestion"), BAD)
def test_adds_one(text: str, suggestion: str) -> None:
    assert adds_syntax_error(site(text), suggestion)


METHODS = "".join(f"    def f{n}(self):\n        return {n}\n\n" for n in range(MAX_LINES))


@pytest.mark.parametrize(
    ("at", "suggestion", "is_error"),
    [
        ("    def g(self):\n        x = 1\n        ‸\n\n", "return x", False),
        ("    def g(self):\n        x = 1\n        ‸\n\n", "return (", True),
        ("    def g(self):\n        x = 1\n        ‸\n\n", "if x:", False),
        ("    def g(self):\n        x = 1\n        ‸\n\n", "if x:\n            x = 2\n        return x", False),
        ("    def g(self):\n        x = 1\n        ‸\n\n", "if x:\n            x = 2\n       return x", True),
        ("    def g(self):\n        x = 1\n\n    ‸\n    def g(self):\n        pass\n", "@g.setter", False),
        ("    def g(self, ‸):\n        x = 1\n\n", "a=1", False),
        ("    def g(self, ‸):\n        x = 1\n\n", "a=", True),
    ],
)
def test_of_a_long_class_the_method_is_parsed(at: str, suggestion: str, is_error: bool) -> None:
    text = "class A:\n" + METHODS + at + METHODS
    assert adds_syntax_error(site(text), suggestion) is is_error


@pytest.mark.parametrize(
    ("line", "suggestion"), [("'a': 1,", "'b': 2,"), ("a,", "**b,"), ("'a',", "'b': ("), ("a, b,", "*c, d=(e")]
)
def test_in_long_brackets_nothing_is_refused(line: str, suggestion: str) -> None:
    many = f"    {line}\n" * 400
    for at in ("    ‸\n", f"    {suggestion[:3]}‸\n"):
        assert not adds_syntax_error(site(f"x = foo(\n{many}{at}{many})\n"), suggestion.removeprefix(at[4:-2]))
