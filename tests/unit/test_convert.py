"""Positions of the protocol against columns in code points, and answers as the protocol wants them."""

import random

import pytest
from helpers import site

from codels.core import Completion
from codels.lsp.convert import column, completion_list, for_client, inline_list, units

HIGH, LOW = "\ud83d", "\ude00"  # the halves of 😀, each alone

COLUMNS = [
    # line, encoding, (position, column) …
    ("abc\n", "utf-8", [(0, 0), (1, 1), (3, 3), (4, 3), (99, 3), (-1, 0)]),
    ("abc\r\n", "utf-16", [(2, 2), (3, 3), (4, 3), (5, 3), (99, 3), (-7, 0)]),
    ("abc\r", "utf-32", [(2, 2), (3, 3), (4, 3), (99, 3), (-1, 0)]),
    ("", "utf-16", [(0, 0), (1, 0)]),
    ("\n", "utf-8", [(0, 0), (1, 0)]),
    ("é日b", "utf-8", [(0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (5, 2), (6, 3), (7, 3)]),
    ("é日b\n", "utf-16", [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)]),
    ("é日b\r\n", "utf-32", [(1, 1), (3, 3), (4, 3), (-1, 0)]),
    ("a😀b", "utf-8", [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (6, 3), (7, 3)]),
    ("a😀b", "utf-16", [(1, 1), (2, 1), (3, 2), (4, 3), (5, 3)]),
    ("a😀b", "utf-32", [(1, 1), (2, 2), (3, 3), (4, 3)]),
    ("😀😀", "utf-16", [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (-1, 0)]),
    ("e\u0301x", "utf-8", [(1, 1), (2, 1), (3, 2), (4, 3)]),
    ("e\u0301x", "utf-16", [(1, 1), (2, 2), (3, 3)]),
    (f"a{HIGH}b", "utf-16", [(1, 1), (2, 2), (3, 3)]),
    (f"a{LOW}b", "utf-8", [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3)]),
    (f"{HIGH}😀", "utf-16", [(1, 1), (2, 1), (3, 2)]),
    ("a\u2028b\x85c", "utf-16", [(2, 2), (4, 4), (5, 5)]),
    ("\ufeffa", "utf-8", [(0, 0), (1, 0), (3, 1), (4, 2)]),
]


@pytest.mark.parametrize(
    ("line", "encoding", "position", "expected"),
    [(line, encoding, position, expected) for line, encoding, pairs in COLUMNS for position, expected in pairs],
)
def test_column(line: str, encoding: str, position: int, expected: int) -> None:
    assert column(line, position, encoding) == expected


UNITS = [
    # line, column, in UTF-8, UTF-16, UTF-32
    ("abc", 2, (2, 2, 2)),
    ("é日b", 2, (5, 2, 2)),
    ("a😀b", 2, (5, 3, 2)),
    ("a😀b", 3, (6, 4, 3)),
    (f"{HIGH}b", 1, (3, 1, 1)),
    ("", 0, (0, 0, 0)),
]


@pytest.mark.parametrize(("line", "at", "expected"), UNITS)
def test_units(line: str, at: int, expected: tuple[int, int, int]) -> None:
    assert tuple(units(line, at, encoding) for encoding in ("utf-8", "utf-16", "utf-32")) == expected


def test_units_and_columns_are_inverse() -> None:
    rng = random.Random(2)
    for _ in range(2000):
        line = "".join(rng.choices(f"ab é日😀\u0301\u2028\f{HIGH}{LOW}", k=rng.randrange(8)))
        for encoding in ("utf-8", "utf-16", "utf-32"):
            for at in range(len(line) + 1):
                assert column(line + "\r\n", units(line, at, encoding), encoding) == at


ITEMS = [
    # the caret, the completion, the position of an inline item in UTF-8 and UTF-16
    ("x = ‸", "1", (4, 4)),
    ('print("é😀‸")', "!", (13, 10)),
]


@pytest.mark.parametrize(("text", "completion", "places"), ITEMS)
def test_inline_items_always_have_an_empty_range(text: str, completion: str, places: tuple[int, int]) -> None:
    for encoding, place in zip(("utf-8", "utf-16"), places, strict=True):
        (item,) = inline_list(site(text), (Completion(completion),), encoding).items
        assert item.insert_text == completion
        assert item.range is not None
        assert item.range.start == item.range.end
        assert (item.range.start.line, item.range.start.character) == (0, place)


def test_nothing_is_an_empty_list() -> None:
    assert inline_list(site("‸"), (), "utf-16").items == []
    assert completion_list(site("‸"), (), "utf-16").items == []


MENU = [
    # the caret, the completion, label, new text, start of its range in UTF-16
    ("some_ta‸", "ble()", "some_table()", "some_table()", 0),
    ("x = größe‸", "_neu", "größe_neu", "größe_neu", 4),
    ("'😀' + na‸", "me", "name", "name", 7),
    ("self.‸", "name", "name", "name", 5),
    ("if x:‸", "\n    pass", "pass", "\n    pass", 5),
    ("if x:\r\n  y‸", "()\r\n  z()", "y()", "y()\r\n  z()", 2),
    ("if x:\r  y‸", "()\r  z()", "y()", "y()\r  z()", 2),
]


@pytest.mark.parametrize(("text", "completion", "label", "new_text", "start"), MENU)
def test_menu_items(text: str, completion: str, label: str, new_text: str, start: int) -> None:
    at = site(text)
    (item,) = completion_list(at, (Completion(completion),), "utf-16").items
    assert (item.label, item.filter_text) == (label, new_text)
    assert item.text_edit is not None
    assert item.text_edit.new_text == new_text
    assert item.text_edit.range.start.character == start  # type: ignore[union-attr]
    assert item.text_edit.range.end.character == units(at.text, at.column, "utf-16")  # type: ignore[union-attr]
    assert (item.kind is not None and item.kind.name == "Snippet") == ("\r" in completion or "\n" in completion)


@pytest.mark.parametrize(
    ("client", "text", "sent"),
    [
        ("Visual Studio Code", "a\r\nb", "a\r\nb"),
        ("", "a\r\nb", "a\r\nb"),
        ("Neovim", "a\r\nb", "a\nb"),
        ("Neovim", "a\rb", "a\nb"),
        ("Neovim", "a\nb", "a\nb"),
    ],
)
def test_line_ends_are_the_documents_but_for_editors_that_keep_them_away(client: str, text: str, sent: str) -> None:
    (completion,) = for_client((Completion(text, -1.0),), client)
    assert completion == Completion(sent, -1.0)
