"""Where a statement or block ends, and whether the caret stands in a string."""

import pytest
from helpers import site

from codels.core import Shape
from codels.statements import MAX_LINES_ABOVE, balance, code, end, is_in_string

LINE, BLOCK = Shape.LINE, Shape.BLOCK

NOT_ENDED = [
    # more may follow, so that generation goes on
    (LINE, "x = ‸", ""),
    (LINE, "x = ‸", "foo"),
    (LINE, "x = ‸", "foo(\n    a,\n"),
    (LINE, "x = foo(‸", "a,\n    b,\n"),
    (LINE, "x = ‸", '"""\none\n'),
    (LINE, "x = ‸", "a + \\\n"),
    (BLOCK, "def f():‸", "\n    x = 1\n    y = 2\n"),
    (BLOCK, "def f():‸", "\n    x = 1\n\n"),
    (BLOCK, "def f():‸", "\n    x = 1\n\n    y"),
    (BLOCK, "def f():‸", "\n    x = [\n1,\n"),
    (BLOCK, "def f():‸", "\n    x = '''\n1\n"),
    (BLOCK, "x = [\n    ‸", "1,\n]"),  # `]` may go on as `] + y`
]


@pytest.mark.parametrize(("shape", "text", "said"), NOT_ENDED)
def test_not_ended(shape: Shape, text: str, said: str) -> None:
    assert end(site(text), said, shape) is None


ENDED = [
    # what was said up to the end, and after it
    (LINE, "x = ‸", "foo", "\n"),
    (LINE, "x = ‸", "foo(\n    a)", "\ny"),
    (LINE, "x = foo(‸", "a,\n    b)", "\n"),
    (LINE, "    b‸", ")", "\ny"),
    (LINE, "x = ‸", "1)", "\ny"),
    (LINE, "‸", "", "\nx"),
    (BLOCK, "def f():‸", "\n    x = 1", "\ny"),
    (BLOCK, "def f():‸", "\n    x = 1\n", "\n\n    y"),
    (BLOCK, "    def f():\n        ‸", "x = 1\n", "\n    def g():"),
    (BLOCK, "x = [\n    ‸", "1,\n]", "\n"),
]


@pytest.mark.parametrize(("shape", "text", "said", "after"), ENDED)
def test_ended(shape: Shape, text: str, said: str, after: str) -> None:
    assert end(site(text), said + after, shape) == len(said)


BALANCES = [
    ("", 0),
    ("([{", 3),
    (")]}", -3),
    ("f(a)[1]", 0),
    ("'('", 0),
    ('"(" (', 1),
    ("'it\\'s (' (", 1),
    ("'open (", 0),
    ("'open (\n(", 1),
    ("# (", 0),
    ("x # (\n(", 1),
    ("a // b (", 1),
    ('"""(\n("""(', 1),
    ("f'{a(1)}'(", 1),
]


@pytest.mark.parametrize(("text", "expected"), BALANCES)
def test_balance(text: str, expected: int) -> None:
    assert balance(text, "python") == expected


CODES = [
    ("python", "if x:  # why", "if x:  "),
    ("python", "a // b", "a // b"),
    ("python", "f('#', \"(\")", 'f("", "")'),
    ("javascript", "f();  // why", "f();  "),
    ("javascript", "this.#a", "this.#a"),
    ("lua", "x = 1 -- why", "x = 1 "),
    ("", "x // why", "x "),
]


@pytest.mark.parametrize(("language", "line", "expected"), CODES)
def test_code(language: str, line: str, expected: str) -> None:
    assert code(line, language) == expected


STRINGS = [
    ("‸", False),
    ('x = """\n‸', True),
    ('x = """\na\n"""\n‸', False),
    ('x = """a"""\n‸', False),
    ("'''a\n\"\"\"\n‸", True),
    ("'''a\n\"\"\"\n'''\n‸", False),
    ('"""a""" + """b\n‸', True),
    ('"""a\nb""" + """c\n‸', True),
    ('# """\n‸', False),
    ('x = \'"""\'\n‸', False),
    ("x = 'open\n‸", False),
    ('"""\\"""\n‸', True),
    ('""""""\n‸', False),
    ('""" ‸', False),  # the caret's line itself begins outside
    ('"""\nHow to (use) it\'s ‸', True),
    ('"""\n\ndef f():\n    pass\n‸', False),  # taken for code again at a definition
    ('x = """\r\na\r\n‸', True),
    ('x = """\ra\r"""\r‸', False),
    ('"""\n' + "x\n" * (MAX_LINES_ABOVE - 1) + "‸", True),
    ('"""\n' + "x\n" * MAX_LINES_ABOVE + "‸", False),
]


@pytest.mark.parametrize(("text", "expected"), STRINGS)
def test_is_in_string(text: str, expected: bool) -> None:
    assert is_in_string(site(text)) is expected
