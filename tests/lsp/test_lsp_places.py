"""Where a suggestion goes: carets in UTF-16, line ends and tabs, odd edits; and the built-in model."""

from __future__ import annotations

import pytest
from shared_server import Shared

from codels.registry import store

POSITIONS = [
    # text, line, character asked for, character of the range
    ("y = ", 0, 4, 4),
    ("y = ", 0, 99, 4),
    ("s = '😀'; y = ", 0, 14, 14),
    ("s = '😀'; y = ", 0, 99, 14),
    ("é日本 = ", 0, 6, 6),
    ("y = \r\n", 0, 99, 4),
    ("y = \r", 0, 99, 4),
    ("s\ud800 = ", 0, 99, 5),
]


@pytest.mark.parametrize(("text", "line", "asked", "character"), POSITIONS)
def test_the_range_is_the_caret_in_utf_16(shared: Shared, text: str, line: int, asked: int, character: int) -> None:
    (item,) = shared.complete(text, line, asked)
    assert item["range"]["start"] == {"line": line, "character": character}


@pytest.mark.parametrize(
    ("text", "line", "insert"),
    [
        ("def block():\n", 1, "    if ready:\n        return 1\n    return 2"),
        ("def block():\r\n", 1, "    if ready:\r\n        return 1\r\n    return 2"),
        (
            "class A:\r\n    pass\r\n\r\ndef block():\r\n\r\n\r\n",
            4,
            "    if ready:\r\n        return 1\r\n    return 2",
        ),
        ("class A:\n\tx = 1\n\ndef tabs():\n", 4, "    if ready:\n\t\treturn 1\n\treturn 2"),
    ],
)
def test_line_ends_and_tabs_are_the_file_s(shared: Shared, text: str, line: int, insert: str) -> None:
    (item,) = shared.complete(text, line, 0)
    if "\t" not in insert:
        assert item["insertText"] == insert
    assert "\n" not in item["insertText"].replace("\r\n", "") if "\r" in text else "\r" not in item["insertText"]
    if "\t" in text:
        assert "  " not in item["insertText"].partition("\n")[2]
        assert "\n\t" in item["insertText"]


EDITS = [
    # (start line, start character, end line, end character, text), and the text that follows
    ([(0, 4, 0, 4, "1")], "y = 1\n"),
    ([(0, 5, 0, 0, "z =")], "z =\n"),
    ([(0, 99, 0, 4, "2")], "y = 2\n"),
    ([(9, 9, 0, 0, "w = ")], "w = "),
    ([(0, 0, 99, 99, "")], ""),
    ([(1, 0, 0, 4, "3")], "y = 3"),
    ([(0, 0, 0, 1, "a"), (0, 0, 0, 1, "b"), (0, 0, 0, 3, "c")], "c \n"),
    ([(5, 0, 7, 0, "tail = ")], "y = \ntail = "),
]


@pytest.mark.parametrize(("edits", "text"), EDITS)
def test_edits_with_reversed_and_foreign_ranges(
    shared: Shared, edits: list[tuple[int, int, int, int, str]], text: str
) -> None:
    """Read back through the caret's place: a position beyond the end of a line is answered as its end."""
    uri = "file:///edited.txt"
    shared.client.open(uri, "y = \n", "plaintext")
    changes = [
        {"range": {"start": {"line": a, "character": b}, "end": {"line": c, "character": d}}, "text": new}
        for a, b, c, d, new in edits
    ]
    shared.client.change(uri, 2, *changes)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        answer = shared.run(shared.client.complete(uri, number, 99, is_explicit=True))
        assert {item["range"]["start"]["character"] for item in answer} == {len(line)}
    assert shared.run(shared.client.complete(uri, len(lines), 0)) == []


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "line", "character"),
    [
        ("def add(a, b):\n    return a", 1, 12),
        ("import os\nimport sys\n\n\ndef main():\n    for name in os.", 5, 19),
        ("class Point:\r\n    def __init__(self, x, y):\r\n        self.x = x\r\n        ", 3, 8),
        ("<|fim_prefix|><|fim_middle|>\nx = ", 1, 4),
        ("s = '\ud800'\nx = ", 1, 4),
    ],
)
def test_the_built_in_model_answers(built_in: Shared, text: str, line: int, character: int) -> None:
    items = built_in.complete(text, line, character, is_explicit=True)
    assert all(item["insertText"].strip() for item in items)
    status = built_in.run(built_in.client.status())
    assert status["lastStats"]["n_prompt"] > 0
    assert items or status["lastReason"]
    assert status["device"]
    assert f"context {store.find(store.BUILT_IN).context_window:,} tokens" in "; ".join(status["plan"])


@pytest.mark.model
@pytest.mark.parametrize("language", ["rust", "", "markdown", "Python"])
def test_the_built_in_model_is_silent_in_other_languages_and_says_why(built_in: Shared, language: str) -> None:
    for is_explicit in (False, True):
        assert built_in.complete("let x = ", 0, 8, language=language, is_explicit=is_explicit) == []
        assert "the model knows python only" in built_in.reason()


@pytest.mark.model
def test_typing_reuses_what_the_built_in_model_has_read(built_in: Shared) -> None:
    uri, text = "file:///typed.py", "import os\n\n\ndef main(arguments):\n    for name in arguments:\n        print(na"
    built_in.client.open(uri, text)
    built_in.run(built_in.client.complete(uri, 5, 16))
    for version, char in enumerate("me, os", 2):
        at = {"line": 5, "character": 14 + version}
        built_in.client.change(uri, version, {"range": {"start": at, "end": at}, "text": char})
        built_in.run(built_in.client.complete(uri, 5, 15 + version, is_explicit=True))
    stats = built_in.run(built_in.client.status())["lastStats"]
    assert stats["n_reused"] >= 0.8 * stats["n_prompt"]
