"""Nothing, a line or a block: what a request is worth."""

import pytest
from helpers import site

from codels.core import Shape
from codels.settings import Settings
from codels.trigger import MAX_LINE, MAX_LINES, decide

NONE = frozenset[str]()
LINE, BLOCK = Shape.LINE, Shape.BLOCK

SHAPES = [
    ("‸", LINE),
    ("x‸", LINE),
    ("x = ‸", LINE),
    ("def f(self):‸", BLOCK),
    ("def f(self):  ‸", BLOCK),
    ("def f(self):\n‸", BLOCK),
    ("def f(self):\n    ‸", BLOCK),
    ("def f(self):\n    ‸\n    return 1\n", BLOCK),
    ("def f(self):\n\n\n    ‸", BLOCK),
    ("def f(self):  # why\n    ‸", BLOCK),
    ("def f(self):  # why: so\n    ‸", BLOCK),
    ("def f(self):  # why‸", LINE),
    ("def f(\n    a,\n    b,\n):\n    ‸", BLOCK),
    ("def f(a,\n      b):‸", BLOCK),
    ("def f(\n    a,\n) -> int:‸", BLOCK),
    ("class A:‸", BLOCK),
    ("async def f():‸", BLOCK),
    ("else:\n    ‸", BLOCK),
    ("try:‸", BLOCK),
    ("with open(':') as f:\n    ‸", BLOCK),
    ("case {'a': 1}:‸", BLOCK),
    ("def f(self):\n    x = 1\n    ‸", LINE),
    ("def f(self):\n    re‸", LINE),
    ("def f(self, a:‸", LINE),
    ("def f(self, a: ‸", LINE),
    ("x:‸", LINE),
    ("x[1:‸", LINE),
    ("f = lambda x:‸", LINE),
    ("'def f():‸", LINE),
    ("# if so:‸", LINE),
    ("# if so:\n‸", LINE),
    ("d = {'a':‸", LINE),
    ("x = {‸", BLOCK),
    ("x = {\n    ‸", BLOCK),
    ("x = [\n    ‸\n]", BLOCK),
    ("foo(\n    ‸\n)", BLOCK),
    ("foo(‸", LINE),
    ("foo(\n    a,\n    ‸\n)", LINE),
    ("if x:‸ pass", LINE),  # something stands on the right
    ("def f():\n    '''Do\n\n    if so:\n    ‸\n    '''", LINE),
    ("def f():\r\n    ‸\r\n", BLOCK),
]


@pytest.mark.parametrize(("text", "shape"), SHAPES)
def test_shape(text: str, shape: Shape) -> None:
    for is_explicit in (False, True):
        assert decide(site(text), Settings(), NONE, is_explicit).shape is (
            None if text.endswith("‸ pass") and not is_explicit else shape
        )


OTHER_SHAPES = [
    ("javascript", "function f() {‸", BLOCK),
    ("javascript", "if (x) {\n  ‸\n}", BLOCK),
    ("javascript", "x = {a:‸", LINE),
    ("javascript", "f(); // so {‸", LINE),
    ("c", "case 1:‸", BLOCK),
    ("go", "x := ‸", LINE),
]


@pytest.mark.parametrize(("language", "text", "shape"), OTHER_SHAPES)
def test_shape_in_other_languages(language: str, text: str, shape: Shape) -> None:
    assert decide(site(text, language), Settings(), NONE, False).shape is shape


def test_without_multiline_all_are_lines() -> None:
    for text, _ in SHAPES:
        assert decide(site(text), Settings(multiline=False), NONE, True).shape is LINE


RIGHT = [
    # the caret, whether an automatic request is answered
    ("print(‸)", True),
    ("print(f('‸'))", True),
    ("x = ['‸'],", True),
    ("if foo(‸):", True),
    ("f(‸, b)", True),
    ("f(‸, abc)", True),
    ("f(‸, abcd)", False),
    ("x‸ = 12", True),
    ("x‸ = 123", False),
    ("‸return x", False),
    ("x = ‸   ", True),
    ("‸  # why", False),
    ("f(‸)\nmuch code below", True),
    ("f(‸)\r\n", True),
]


@pytest.mark.parametrize(("text", "is_answered"), RIGHT)
def test_in_the_middle_of_code_only_an_explicit_request_is_answered(text: str, is_answered: bool) -> None:
    automatic = decide(site(text), Settings(), NONE, False)
    assert (automatic.shape is not None) == is_answered
    assert automatic.reason == ("" if is_answered else "code stands right of the caret")


@pytest.mark.parametrize("text", ["imp‸ort", "some‸thing_long", "a‸1", "é‸t", "x‸y = 1"])
def test_inside_a_word_only_an_explicit_request_is_answered(text: str) -> None:
    assert decide(site(text), Settings(), NONE, False).reason == "the caret stands inside a word"
    assert decide(site(text), Settings(), NONE, True).shape
    assert decide(site(text), Settings(), NONE, True).shape is LINE


PYTHON_ONLY = frozenset({"python"})
OFF = Settings(enable=False)
NOT_HERE = Settings(disabled_languages=("python", "markdown"))

SILENT = [
    # settings, the model's languages, language, what the reason names, whether an explicit request is answered
    (Settings(), PYTHON_ONLY, "javascript", "the model knows python only, and this document is javascript", False),
    (Settings(), PYTHON_ONLY, "", "this document is plain text", False),
    (Settings(), frozenset({"go", "c"}), "python", "the model knows c, go only", False),
    (OFF, NONE, "python", "codels.enable", True),
    (NOT_HERE, NONE, "python", "switched off for python", True),
    (NOT_HERE, NONE, "markdown", "switched off for markdown", True),
]


@pytest.mark.parametrize(("settings", "languages", "language", "reason", "is_answered"), SILENT)
def test_silent(settings: Settings, languages: frozenset[str], language: str, reason: str, is_answered: bool) -> None:
    automatic = decide(site("x = ‸", language), settings, languages, False)
    assert automatic.shape is None
    assert reason in automatic.reason
    explicit = decide(site("x = ‸", language), settings, languages, True)
    assert (explicit.shape is not None) == is_answered
    assert bool(explicit.reason) != is_answered


HEARD = [
    (Settings(), NONE, "brainfuck"),
    (Settings(), PYTHON_ONLY, "python"),
    (Settings(disabled_languages=("markdown",)), NONE, "python"),
]


@pytest.mark.parametrize(("settings", "languages", "language"), HEARD)
def test_heard(settings: Settings, languages: frozenset[str], language: str) -> None:
    assert decide(site("x = ‸", language), settings, languages, False).shape is LINE


IMPOSSIBLE = [
    ("x" * (MAX_LINE + 1) + "‸", f"the line has more than {MAX_LINE} characters"),
    ("‸" + "x" * (MAX_LINE + 1) + "\n", f"the line has more than {MAX_LINE} characters"),
    ("\n" * MAX_LINES + "‸", f"the document has more than {MAX_LINES} lines"),
    ("\0ELF‸", "the document is binary"),
    ("GIF89a\0\0\n\nx‸", "the document is binary"),
    ("x = ‸\n\0", "the document is binary"),
]


@pytest.mark.parametrize(("text", "reason"), IMPOSSIBLE, ids=range(len(IMPOSSIBLE)))
def test_impossible(text: str, reason: str) -> None:
    for is_explicit in (False, True):
        decision = decide(site(text), Settings(), NONE, is_explicit)
        assert (decision.shape, decision.reason) == (None, reason)


POSSIBLE = ["‸", "x" * MAX_LINE + "‸\r\n", "\n" * (MAX_LINES - 1) + "‸", "x" * 10 * MAX_LINE + "\n‸", "\x01\f\ufeff‸"]


@pytest.mark.parametrize("text", POSSIBLE, ids=range(len(POSSIBLE)))
def test_possible(text: str) -> None:
    assert decide(site(text), Settings(), NONE, True).shape is LINE
