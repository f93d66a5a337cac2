"""From what the model said to what is offered: the caret, the model's words, the suggestion."""

import pytest
from helpers import site

from codels import postprocess
from codels.core import Shape
from codels.postprocess import Draft, clean
from codels.trigger import wants_block


def cleaned(text: str, said: str, language: str = "python", is_whole: bool = True) -> tuple[str, str]:
    at = site(text, language)
    return clean(Draft(said, at, Shape.BLOCK if wants_block(at) else Shape.LINE, is_whole))


DEF = "def f(self):\n    x = 1\n    "
NOTHING = ""

PYTHON = [
    # --- one statement
    ("x = ‸", "1", "1"),
    ("x = ‸", "1\ny = 2\nz = 3", "1"),
    ("x = ‸", "foo(a,\n        b)\ny = 2", "foo(a,\n        b)"),
    ("x = ‸", "[\n    1,\n    2,\n]\ny = 2", "[\n    1,\n    2,\n]"),
    ("x = ‸", "'('\ny = 2", "'('"),
    ("x = ‸", "'it\\'s ('\ny", "'it\\'s ('"),
    ("x = ‸", '"a\\\\"\ny = 2', '"a\\\\"'),
    ("x = ‸", "1  # one (\ny = 2", "1  # one ("),
    ("x = ‸", "a // (b\n     + c)\ny = 2", "a // (b\n     + c)"),
    ("x = ‸", "a + \\\n    b\ny = 2", "a + \\\n    b"),
    ("x = ‸", '"""\n(one\n"""\ny = 2', '"""\n(one\n"""'),
    ("x = ‸", "f'{a(1)}('\ny = 2", "f'{a(1)}('"),
    ("x = foo(a, ‸", "b,\n        c)\ny = 2", "b,\n        c)"),
    ("x = foo(\n    a,\n    ‸\n)\n", "b,\n    c,\n", "b,"),
    ("‸\n", "@property\ndef f(self): pass", "@property"),
    ("‸\n", "def f(self):\n    return 1", "def f(self):"),
    ("‸", "import os\nimport sys", "import os"),
    (DEF + "‸\n", "return x\n\n\ndef g():", "return x"),
    (DEF + "‸\n", "\n    return x", NOTHING),
    ("x = 1‸\n", "\ny = 2", NOTHING),
    # --- no text
    ("x = ‸", "a�", NOTHING),
    ("x = ‸", "\x00\ny", NOTHING),
    ("x = ‸", "\x1b[31m", NOTHING),
    ("x = foo(‸", "1,\n  �", "1,"),
    ("x = ‸", "'ü😀\t\u3000'", "'ü😀\t\u3000'"),
    # --- a block
    ("def f(x):‸", "\n    y = x\n    return y\n\n\ndef g():\n    pass", "\n    y = x\n    return y"),
    ("def f(x):\n    ‸", "y = x\n    return y\n\n\ndef g():", "y = x\n    return y"),
    ("def f(x):\n    ‸", "y = x\n\n    return y\nz = 1", "y = x\n\n    return y"),
    ("def f(x):\n    ‸", "if x:\n        return 1\n    return 2\nz = 1", "if x:\n        return 1\n    return 2"),
    ("def f(x):\n    ‸", "y = x\n\n\n    return y\nz = 1", "y = x"),
    ("if x:\n    ‸\n", "a()\nelse:\n    b()", "a()"),
    ("def f(x):\n    ‸", 'return """\ncolumn 0\n"""\n\nz = 1', 'return """\ncolumn 0\n"""'),
    ("def f(x):\n    ‸", "return [\n  1,\n]\nz = 1", "return [\n  1,\n]"),
    ("def f(x):\n    ‸", "return foo(\n        1,\n    )\nz = 1", "return foo(\n        1,\n    )"),
    ("def f(x):\n    ‸", "# note\n    return 1\nz", "# note\n    return 1"),
    ("def f(\n    a,\n    b,\n):\n    ‸", "return a\nz = 1", "return a"),
    ("def f(a,\n      b):‸", "\n    return a\nz = 1", "\n    return a"),
    ("x = [\n    ‸\n", "1,\n    2,\n]\ny = 1", "1,\n    2,\n]"),
    ("class A:\n    def f(self):\n        ‸", "pass\n\n    def g(self):", "pass"),
    (
        "class A:\n    ‸",
        "x = 1\n\n    def f(self):\n        pass\n\n\nclass B",
        "x = 1\n\n    def f(self):\n        pass",
    ),
    ("def f():  # why: a\n    ‸", "return 1\nx", "return 1"),
    ("def f(a: ‸", "int) -> None:\n    pass", "int) -> None:"),  # a colon in brackets is no header
    ("x: ‸", "int = 1\ny = 2", "int = 1"),
    ("# note:‸", " it\n# is", " it"),
    # --- what stands right of the caret
    ("print(‸)", "x)", "x"),
    ("print(‸)", "x", "x"),
    ("print(‸)", "f(x)", "f(x)"),
    ("print(‸)", "f(x))", "f(x)"),
    ("print(‸)", '"hello")', '"hello"'),
    ("print(‸)", "a)\nb = 3", "a"),
    ("print(‸)", "a).b()", "a).b("),
    ("print(‸)", "a); b", "a"),
    ("print(f(‸))", "x)", "x"),
    ("print(f(‸))", "x))", "x"),
    ("print(f(‸))", "x), y", "x"),
    ("print(f(‸)", "x))", "x)"),
    ("print(f(‸)", "x), y", "x), y"),
    ("print(‸)  # why", "x)  # why", "x"),
    ("print(‸)  # why", "x)", "x"),
    ("print(\n    a‸\n)", ".b", ".b"),
    ('x = "‸"', 'hello"', "hello"),
    ('x = "‸"', "hello", "hello"),
    ('x = f"{‸}"', 'y}"', "y"),
    ('print("‸")', 'hi")', "hi"),
    ('print("‸")', "hi :)", "hi :)"),
    ("foo(‸, b)", "a", "a"),
    ("foo(‸, b)", "a, b)", "a"),
    ("foo(‸, b)", "a,", "a"),
    ("foo(‸, b)", "a)", "a"),
    ("foo(‸, b)", "bar(1)", "bar(1)"),
    ("foo(‸)[0]", "a)[0]", "a"),
    ("x[‸]", "i]", "i"),
    ("x[‸]", "y[i]", "y[i]"),
    ("d = {‸}", "'a': 1}", "'a': 1"),
    ("if f(‸):\n    pass", "x):", "x"),
    ("for x in ‸:\n    pass", "range(3):", "range(3)"),
    ("x = ‸ + b", "a + b", "a"),
    ("x = ‸+ b", "a + b", "a "),
    ("x = ‸ + b", "a ", "a"),
    ("x = ‸ + b", "a + b  ", "a"),
    ("x = ‸ + b", "a +", "a"),
    ("x = foo(‸b)", "a, b)", "a, "),
    ("x = foo(‸b)", "tab + ", "tab + "),
    ("x = foo(‸b, c)", "tab", "tab"),  # its last letter is not the `b` on the right
    ("na‸me = 1", "me", NOTHING),
    ("x = foo(‸)", "\n    a,\n    b,\n)", "\n    a,\n    b,\n"),
    ("x = foo(‸)", "\n    a,\n    b,\n", "\n    a,\n    b,\n"),
    ("x = foo(‸) + y", "\n    a,\n    b,\n", NOTHING),
    # --- what stands below the caret
    (DEF + "‸\n    return x\n", "return x", NOTHING),
    (DEF + "ret‸\n    return x\n", "urn x", NOTHING),
    ("def f():\n    ‸\n    y = x + 1\n    return y\n", "x = 1\n    y = x + 1\n    return y", "x = 1"),
    ("def f():\n    ‸\n\n    y = x + 1\n\n    return y\n", "x = 1\n\n    y = x + 1\n    return y", "x = 1"),
    (
        "def f():\n    ‸\n    y = x + 1\n    return y\n",
        "y = x + 1\n    z = y\n    return z",
        "y = x + 1\n    z = y\n    return z",
    ),
    ("class A:\n    ‸\n\n    def f(self):\n        pass\n", "x = 1\n\n    def f(self):", "x = 1"),
    ("if a:\n    ‸\nelse:\n    b()\n", "a()", "a()"),
    ("x = [\n    ‸\n]\n", "1,\n    2,\n]", "1,\n    2,"),
    ("x = [\n    foo(\n        ‸\n    ),\n]\n", "a,\n        b,\n    ),\n]", "a,\n        b,"),
    ("try:\n    ‸\nexcept E:\n    pass\n", "a()\nexcept E:\n    pass", "a()"),
    # --- repetition
    (DEF + "‸", "x = 1", "x = 1"),  # too short to tell
    ("def f(self):\n    value = 1\n    ‸", "value = 1", NOTHING),
    ("def f(self):\n    value = 1\n    val‸", "ue = 1", NOTHING),
    ("def f(self):\n    value = 1\n\n    ‸", "value = 1", NOTHING),
    ("def f(self):\n    value = foo(1)\n    value = foo(‸)", "1", NOTHING),
    ("def f(self):\n    ‸", "value = 1\n    value = 1\n    value = 1", "value = 1"),
    ("def f(self):\n    ‸", "one(x)\n    two(x)\n    one(x)\n    two(x)", "one(x)\n    two(x)"),
    (
        "def f(self):\n    ‸",
        "one(x)\n    two(x)\n    six(x)\n    one(x)\n    two(x)\n    six(x)",
        "one(x)\n    two(x)\n    six(x)",
    ),
    ("def f(self):\n    ‸", "one(x)\n    two(x)\n    one(x)", "one(x)\n    two(x)\n    one(x)"),
    ("x = [\n    ‸\n]\n", "0,\n    0,\n    0,\n", "0,\n    0,\n    0,"),
    ("x = ‸", "a.b.c.a.b.c.a.b.c.a.b.c.a.b.c.", NOTHING),
    ("x = ‸", "foo(bar, bar, bar, bar, bar, bar", NOTHING),
    ("x = ‸", "0xffffffff", "0xffffffff"),
    # --- neatness
    ("x = ‸", "1   ", "1"),
    ("x = ‸", "1  \n", "1"),
    ("def f():\n    ‸", "x = 1  \n    \n    return x\n  \n", "x = 1\n\n    return x"),
    ("x = ‸", "   ", NOTHING),
    ("x = ‸", "", NOTHING),
    ("‸", "\n\n\n", NOTHING),
    ("foo(a‸b)", ", ", ", "),
    # --- indentation
    ("def f():\n\tif x:\n\t\t‸", "a()\n        b()\n            c()", "a()\n\t\tb()"),
    ("if x:\n\t‸", "if y:\n        b()\n    c()", "if y:\n\t\tb()\n\tc()"),
    ("def g():\n\tpass\n\n\ndef f():‸", "\n    return 1", "\n\treturn 1"),
    ("def g():\n\tpass\n\n\ndef f():\n‸", "    return 1", "\treturn 1"),
    ("def g():\n    pass\n\n\ndef f():‸", "\n\treturn 1", "\n    return 1"),
    ("def f():‸", "\n\treturn 1", "\n\treturn 1"),
    # --- line ends
    ("def f():\r\n    ‸\r\n", "x = 1\n    return x", "x = 1\r\n    return x"),
    ("def f():\r    ‸\r", "x = 1\n    return x", "x = 1\r    return x"),
    ("x = [\r\n    1,\r\n    ‸\r\n]\r\n", "2,\n]", "2,"),
    (DEF.replace("\n", "\r\n") + "‸\r\n    return x\r\n", "return x", NOTHING),
    # --- syntax
    ("def f():\n    ‸", "x = 1\n    return (", "x = 1"),
    ("def f():\n    x = 1\n    ‸", "return )", "return"),
    ("def f():\n    x = 1\n    ‸", "if x:", "if x:"),
    ('def f():\n    """Title.\n\n    Some ‸\n    """\n', 'words (and\n    more.\n    """\n    x', "words (and"),
    ('def f():\n    """‸', 'Title.\n\n    More.\n    """\n    x = 1', "Title."),
    ('"""Module.\n\nUse ‸\n"""\n', "it's way\nand", "it's way"),
    ('def f():\n    """Do:\n    ‸\n    """\n', "one\n    two", "one"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "offered"), PYTHON)
def test_python(text: str, said: str, offered: str) -> None:
    assert cleaned(text, said)[0] == offered


OTHERS = [
    ("javascript", "x = ‸", "1; // it's (\ny = 2;", "1; // it's ("),
    ("javascript", "x = ‸", "a / (b\n  + c);\ny = 2;", "a / (b\n  + c);"),
    ("javascript", "x = ‸", "`one\n(two\n`;\ny = 2;", "`one\n(two\n`;"),
    ("javascript", "x = this.#a ‸", "+ (1\n + 2);\ny", "+ (1\n + 2);"),
    ("javascript", "function f() {‸", "\n  return 1;\n}\n\nfunction g() {", "\n  return 1;\n}"),
    ("javascript", "function f() {\n  ‸\n", "return 1;\n}\n\nfunction g() {", "return 1;\n}"),
    ("javascript", "function f() {‸\n}\n", "\n  return 1;\n}\n", "\n  return 1;"),
    ("javascript", "function f() {\n  ‸\n}\n", "return 1;\n}\n", "return 1;"),
    ("javascript", "class A {\n  f() {‸\n}\n", "\n    return 1;\n  }\n\n  g() {", "\n    return 1;\n  }"),
    ("javascript", "if (x) {‸", "\n  a();\n} else {\n  b();\n}\nc();", "\n  a();\n} else {\n  b();\n}"),
    ("javascript", "f(function () {‸", "\n  a();\n});\nb();", "\n  a();\n});"),
    ("javascript", "f(‸);", "a);", "a"),
    ("javascript", "if (‸) {\n}", "a) {", "a"),
    ("javascript", "x = {a:‸", " 1, b: 2};\ny = 2;", " 1, b: 2};"),
    ("c", "switch (x) {\n  case 1:‸", "\n    a();\n    break;\n  case 2:", "\n    a();\n    break;"),
    ("go", "func f() {\n\t‸\n}\n", "if x {\n        return\n    }\n}", "if x {\n\t\treturn\n\t}"),
    ("lua", "x = ‸", "1 -- it's (\ny = 2", "1 -- it's ("),
    ("shellscript", "x=‸", "$1 # it's (\ny=2", "$1 # it's ("),
    ("ruby", "x = ‸", "1 # (\ny = 2", "1 # ("),
    ("javascript", "x = ‸", "def f(:", "def f(:"),  # only Python is checked
]


@pytest.mark.parametrize(("language", "text", "said", "offered"), OTHERS)
def test_other_languages(language: str, text: str, said: str, offered: str) -> None:
    assert cleaned(text, said, language)[0] == offered


CUT_OFF = [
    # a limit ended the answer: its last line may be half a line
    ("x = ‸", "foo", "foo"),
    ("def f():‸", "\n    x = 1\n    y = fo", "\n    x = 1"),
    ("def f():\n    ‸", "x = 1\n    y = foo(a", "x = 1"),
    ("def f():\n    ‸", "x = foo(\n        a,\n        b", NOTHING),
    ("def f():\n    ‸", "return foo(a, some_lo", NOTHING),
    ("def f():‸", "\n    return some_lo", "\n    return some_lo"),
    ("x = ‸", "foo(\n    a,\n    b", NOTHING),
]


@pytest.mark.parametrize(("text", "said", "offered"), CUT_OFF)
def test_cut_off(text: str, said: str, offered: str) -> None:
    assert cleaned(text, said, is_whole=False)[0] == offered


REASONS = [
    ("x = ‸", " \n", "the model has nothing to add"),
    ("x = 1‸", "\ny = 2", "filtered: nothing is left of the statement or block"),
    ("na‸me", "me", "filtered: it stands right of the caret already"),
    (DEF + "‸\n    return x\n", "return x", "filtered: it stands below the caret already"),
    ("value = 1\n‸", "value = 1", "filtered: it repeats itself or the lines above"),
    ("x = ‸", "ab ab ab ab ab", "filtered: it says the same words again and again"),
    ("x = 1\n‸", "y = =", "filtered: it would add a syntax error"),
]


@pytest.mark.parametrize(("text", "said", "reason"), REASONS)
def test_reason(text: str, said: str, reason: str) -> None:
    assert cleaned(text, said) == ("", reason)


def test_a_step_that_fails_is_skipped(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_draft: Draft) -> str:
        raise RuntimeError("oh")

    monkeypatch.setattr(postprocess, "STEPS", {broken: "", **postprocess.STEPS})
    assert cleaned("x = ‸", "1  \n") == ("1", "")
    assert "broken failed and is skipped" in caplog.text


HARMFUL = [
    # the word again: its end would stand there twice
    ("imp‸ort\n", "ort numpy as np", ""),
    ("class Templa‸te:\n", "tes(object):", ""),
    ("nu‸mpy\n", "ll_", "ll_"),
    # closers too many
    ("def f(a):\n    return a * ‸\n", "(len(a) + 1) + 1) + 1", "(len(a) + 1) + 1"),
    ('d = {"a": 1, "b": ‸}\n', "0}}", "0"),
    ("f(‸)\n", "a))", "a"),
    # strings that are closed below
    ('def f():\n    """Return‸\n\n    More.\n    """\n    return 1\n', ' the release."""', " the release."),
    ('def f():\n    """Do.\n\n    ‸\n    """\n    return 1\n', '"""', ""),
    ('def f():\n    """Return‸\n    return 1\n', ' it."""', ' it."""'),
    # loops
    ("x = [1, 2‸]\n", ", 2, 2, 2, 2, 2, 2, 2, 2, 2", ""),
    ("x = ‸\n", "1.00000000000000000000", ""),
    ("def f():‸\n", '\n    """Do."""\n    x, x, x, x, x, x, x', '\n    """Do."""'),
    # what a parser lets pass and a compiler does not
    ("‸\n", "def f(a, b, b):", ""),
    ("f(x=1, ‸)\n", "x=2", ""),
    # an indentation of nothing
    ("‸", "        # first\n        x = 1", "# first"),
]


@pytest.mark.parametrize(("text", "said", "offered"), HARMFUL)
def test_what_would_harm_is_not_offered(text: str, said: str, offered: str) -> None:
    shape = Shape.BLOCK if said.startswith("\n") else Shape.LINE
    assert clean(Draft(said, site(text), shape))[0] == offered


def test_a_line_that_a_limit_cut_inside_a_bracket_is_dropped() -> None:
    assert clean(Draft("1, 2, 3", site("x = max(a, ‸\n"), Shape.LINE, is_whole=False))[0] == ""
    assert clean(Draft("1, 2, 3", site("x = max(a, ‸)\n"), Shape.LINE, is_whole=False))[0] == "1, 2, 3"
