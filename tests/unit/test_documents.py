"""Documents under edits: rows, and random edits against a reference that knows only whole texts and offsets."""

import random

import pytest
from helpers import site
from lsprotocol import types as lsp

from codels.lines import split_lines
from codels.lsp import documents as module
from codels.lsp.documents import Document, Documents

URI = "file:///a.py"
Edit = tuple[tuple[int, int], tuple[int, int], str]


def change(edit: Edit | str) -> lsp.TextDocumentContentChangeEvent:
    if isinstance(edit, str):
        return lsp.TextDocumentContentChangeWholeDocument(edit)
    start, end, text = edit
    return lsp.TextDocumentContentChangePartial(lsp.Range(lsp.Position(*start), lsp.Position(*end)), text)


def opened(text: str, encoding: str = "utf-16") -> Documents:
    documents = Documents(encoding)
    documents.open(lsp.TextDocumentItem(URI, "python", 1, text))
    return documents


def changed(documents: Documents, edits: list[Edit | str], version: int = 2, uri: str = URI) -> None:
    identifier = lsp.VersionedTextDocumentIdentifier(version, uri)
    documents.change(lsp.DidChangeTextDocumentParams(identifier, [change(edit) for edit in edits]))


def text_of(documents: Documents) -> str:
    at = documents.site(URI, lsp.Position(0, 0))
    assert at is not None
    assert list(at.snapshot.lines) == split_lines("".join(at.snapshot.lines))
    return "".join(at.snapshot.lines)


FAR = 2**31 - 1

EDITS: list[tuple[str, list[Edit | str], str]] = [
    # before, edits of one notification, after
    ("", [((0, 0), (0, 0), "a")], "a"),
    ("abc", [((0, 1), (0, 2), "")], "ac"),
    ("a\nb\nc", [((0, 1), (1, 0), "")], "ab\nc"),
    ("a\nb\nc", [((1, 0), (2, 0), "x\ny\n")], "a\nx\ny\nc"),
    ("a\nb\n", [((2, 0), (2, 0), "c")], "a\nb\nc"),
    ("a\nb\n", [((1, 0), (2, 0), "")], "a\n"),
    # each change sees the text that the former one left
    ("abc", [((0, 0), (0, 0), "x"), ((0, 0), (0, 2), "y")], "ybc"),
    ("abc", [((0, 0), (0, 2), "x"), ((0, 0), (0, 2), "y")], "y"),
    ("one", ["two\nlines", ((1, 0), (1, 1), "L")], "two\nLines"),
    ("one", [((0, 0), (0, 3), "x"), "", ((0, 0), (0, 0), "y")], "y"),
    # reversed and outside
    ("abcdef", [((0, 4), (0, 2), "-")], "ab-ef"),
    ("a\nb\nc", [((2, 1), (0, 0), "-")], "-"),
    ("a\nb", [((0, 99), (1, 0), "-")], "a-b"),
    ("a\nb", [((1, 0), (99, 0), "-")], "a\n-"),
    ("a\nb", [((7, 3), (9, 9), "-")], "a\nb-"),
    ("a\nb", [((0, 0), (FAR, FAR), "")], ""),
    ("a\nb\n", [((FAR, 0), (FAR, 0), "c")], "a\nb\nc"),
    # line ends
    ("a\r\nb", [((0, 1), (1, 0), "")], "ab"),
    ("a\r\nb", [((0, 2), (0, 3), "x")], "ax\r\nb"),  # there is no place inside \r\n
    ("a\r\nb", [((0, 1), (0, 1), "\r")], "a\r\r\nb"),
    ("a\nb", [((0, 1), (0, 1), "\r")], "a\r\nb"),
    ("a\rb", [((1, 0), (1, 0), "\n")], "a\r\nb"),
    ("a\rx\nb", [((1, 0), (1, 1), "")], "a\r\nb"),
    ("a\rx\r\nb", [((1, 0), (1, 1), "")], "a\r\r\nb"),
    ("a\n\nb", [((0, 1), (0, 1), "\r")], "a\r\n\nb"),
    ("a\rb\rc", [((1, 0), (2, 0), "\n")], "a\r\nc"),
    ("a\r", [((1, 0), (1, 0), "\n")], "a\r\n"),
    ("a\fb\nc", [((1, 0), (1, 1), "d")], "a\fb\nd"),
    ("a\u2028b\x85\x1c\nc", [((1, 0), (1, 0), "-")], "a\u2028b\x85\x1c\n-c"),
    # characters of two units; a place inside one is the place before it
    ("😀x", [((0, 2), (0, 3), "y")], "😀y"),
    ("😀x", [((0, 1), (0, 2), "y")], "yx"),
    ("\ud83dx", [((0, 1), (0, 2), "y")], "\ud83dy"),
]


@pytest.mark.parametrize(("before", "edits", "after"), EDITS)
def test_edit(before: str, edits: list[Edit | str], after: str) -> None:
    documents = opened(before)
    changed(documents, edits)
    assert text_of(documents) == after


SITES = [
    # text, line, character in UTF-16, where the caret stands
    ("ab\ncd", 1, 1, "ab\nc‸d"),
    ("ab\ncd", 1, 99, "ab\ncd‸"),
    ("ab\r\ncd", 0, 3, "ab‸\r\ncd"),
    ("😀b", 0, 1, "‸😀b"),
    ("😀b", 0, 2, "😀‸b"),
    ("ab\n", 1, 0, "ab\n‸"),
    ("", 0, 5, "‸"),
    ("\ufeffa", 0, 1, "\ufeff‸a"),
]


@pytest.mark.parametrize(("text", "line", "character", "expected"), SITES)
def test_site(text: str, line: int, character: int, expected: str) -> None:
    assert opened(text).site(URI, lsp.Position(line, character)) == site(expected, uri=URI)


def test_a_caret_that_is_nowhere_is_none() -> None:
    documents = opened("a\nb")
    assert documents.site(URI, lsp.Position(2, 0)) is None
    assert documents.site("file:///other.py", lsp.Position(0, 0)) is None
    documents.close(URI)
    assert documents.site(URI, lsp.Position(0, 0)) is None
    assert documents.version(URI) is None


def test_what_is_not_open_is_ignored() -> None:
    documents = opened("a")
    changed(documents, ["b"], uri="file:///other.py")
    documents.close("file:///other.py")
    assert text_of(documents) == "a"


def test_a_snapshot_stays_as_it_was() -> None:
    documents = opened("a\nb")
    old = documents.site(URI, lsp.Position(0, 1))
    changed(documents, [((0, 0), (1, 1), "x")], version=7)
    new = documents.site(URI, lsp.Position(0, 1))
    assert old is not None
    assert new is not None
    assert (old.snapshot.lines, old.snapshot.version) == (("a\n", "b"), 1)
    assert (new.snapshot.lines, new.snapshot.version) == (("x",), 7)
    assert documents.version(URI) == 7


def test_carets_in_one_version_share_its_snapshot() -> None:
    documents = opened("a\nb")
    first, second = documents.site(URI, lsp.Position(0, 0)), documents.site(URI, lsp.Position(1, 0))
    assert first is not None
    assert second is not None
    assert first.snapshot is second.snapshot


@pytest.mark.parametrize("edit", [((500, 2), (500, 2), "x"), ((500, 0), (502, 0), "y\n"), ((999, 0), (999, 4), "")])
def test_an_edit_touches_only_its_lines(edit: Edit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cost does not grow with the file: what is split again is the edited text, every other line is the same."""
    document = Document(URI, "python", 1, [f"line {n}\n" for n in range(1000)] + [""], "utf-16")
    before, split = list(document.lines), []
    monkeypatch.setattr(module, "split_lines", lambda text: split.append(text) or split_lines(text))
    document.apply(change(edit))
    first, last = edit[0][0], edit[1][0]
    n_below = len(before) - last - 1
    assert all(new is old for new, old in zip(document.lines[:first], before[:first], strict=True))
    assert all(new is old for new, old in zip(document.lines[-n_below:], before[-n_below:], strict=True))
    assert sum(map(len, split)) < 40


ALPHABET = [
    *"ab \n\n\r\r",
    "\r\n",
    "\f",
    "\v",
    "\x85",
    "\u2028",
    "é",
    "日",
    "😀",
    "e\u0301",
    "\ud83d",
    "\ude00",
    "\ufeff",
]


def nasty(rng: random.Random, n_most: int) -> str:
    return "".join(rng.choices(ALPHABET, k=rng.randrange(n_most)))


def width(char: str, encoding: str) -> int:
    if encoding == "utf-32":
        return 1
    code = ord(char)
    if encoding == "utf-16":
        return 1 if code < 0x10000 else 2
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4


def offset(text: str, line: int, character: int, encoding: str) -> int:
    """Of a position, read off the whole text, character by character."""
    at = 0
    for _ in range(line):
        while at < len(text) and text[at] not in "\r\n":
            at += 1
        if at == len(text):
            return at
        at += 2 if text[at : at + 2] == "\r\n" else 1
    n_units = 0
    while at < len(text) and text[at] not in "\r\n" and n_units + width(text[at], encoding) <= character:
        n_units += width(text[at], encoding)
        at += 1
    return at


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("seed", range(5))
def test_random_edits_against_a_reference(encoding: str, seed: int) -> None:
    """5 seeds × 3 encodings × 1,334 steps: 20,010 edits."""
    rng = random.Random(f"{encoding} {seed}")
    reference = nasty(rng, 200)
    documents = opened(reference, encoding)
    for version in range(2, 1336):
        n_lines = len(split_lines(reference))
        edits: list[Edit | str] = []
        if rng.random() < 0.01 or len(reference) > 400:
            reference = nasty(rng, 200)
            edits.append(reference)
        for _ in range(rng.randrange(1, 3)):
            a, b = [(rng.randrange(n_lines + 2), rng.randrange(12)) for _ in range(2)]
            b = b if rng.random() < 0.3 else (min(a[0] + rng.randrange(2), FAR), b[1])
            text = nasty(rng, rng.choice((2, 8)))
            edits.append((a, b, text))
            start, end = sorted((offset(reference, *a, encoding), offset(reference, *b, encoding)))
            reference = reference[:start] + text + reference[end:]
        changed(documents, edits, version)
        assert text_of(documents) == reference, edits
