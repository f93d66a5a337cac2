"""Between LSP positions (UTF-8, UTF-16 or UTF-32 units) and columns in code points. The only place that knows units.

A position inside a character (half a surrogate pair, the middle of a UTF-8 sequence) counts as before it;
one beyond the line end counts as at it. That is how the LSP specification reads, and it cannot fail.
"""

from __future__ import annotations

from dataclasses import replace

from lsprotocol import types as lsp

from codels.core import Completion, Site
from codels.lines import split_lines

_CONTINUATION = bytes(range(0x80, 0xC0))
"""UTF-8 bytes that continue a character."""

_KEEPERS_OF_LINE_ENDS = {"Neovim", "emacs", "Eglot"}
"""Editors (by their `clientInfo.name`) that hold lines without ends, and write the file's own when they save."""


def column(line: str, character: int, encoding: str) -> int:
    """The column in `line` (its line end left out) of the position `character`, counted in `encoding`."""
    line = line.rstrip("\r\n")
    character = max(character, 0)
    if encoding == "utf-32" or line.isascii():
        return min(character, len(line))
    return _column_utf8(line, character) if encoding == "utf-8" else _column_utf16(line, character)


def units(line: str, column: int, encoding: str) -> int:
    """The inverse of `column`: how many units of `encoding` stand before `column`."""
    before = line[:column]
    if encoding == "utf-32" or before.isascii():
        return len(before)
    if encoding == "utf-8":
        return len(before.encode("utf-8", "surrogatepass"))
    return len(before.encode("utf-16-le", "surrogatepass")) // 2


def for_client(completions: tuple[Completion, ...], client: str) -> tuple[Completion, ...]:
    """The texts as the editor `client` takes them: some show a carriage return as a character of its own."""
    if client not in _KEEPERS_OF_LINE_ENDS:
        return completions
    return tuple(replace(c, text=c.text.replace("\r\n", "\n").replace("\r", "\n")) for c in completions)


def inline_list(site: Site, completions: tuple[Completion, ...], encoding: str) -> lsp.InlineCompletionList:
    """Always a list, always with a range: a null leaves stale ghost text in Neovim, a missing range crashes 0.12.0."""
    here = _position(site, encoding)
    range_ = lsp.Range(start=here, end=here)
    items = [lsp.InlineCompletionItem(insert_text=c.text, range=range_) for c in completions]
    return lsp.InlineCompletionList(items=items)


def completion_list(site: Site, completions: tuple[Completion, ...], encoding: str) -> lsp.CompletionList:
    """The same texts for clients that know only the completion menu.

    Menus filter by the word before the caret, so the item replaces that word by itself plus the completion.
    """
    before = site.before
    start = len(before)
    while start and (before[start - 1].isalnum() or before[start - 1] == "_"):
        start -= 1
    word = before[start:]
    here = _position(site, encoding)
    range_ = lsp.Range(start=lsp.Position(site.line, units(site.text, start, encoding)), end=here)
    items = [
        lsp.CompletionItem(
            label=split_lines((word + c.text).strip())[0].rstrip("\r\n"),
            detail="codels",
            kind=lsp.CompletionItemKind.Snippet if len(split_lines(c.text)) > 1 else lsp.CompletionItemKind.Text,
            filter_text=word + c.text,
            sort_text=f"~{rank:02}",
            insert_text_mode=lsp.InsertTextMode.AsIs,
            documentation=lsp.MarkupContent(lsp.MarkupKind.PlainText, word + c.text),
            text_edit=lsp.TextEdit(range=range_, new_text=word + c.text),
        )
        for rank, c in enumerate(completions)
    ]
    return lsp.CompletionList(is_incomplete=True, items=items)


def _position(site: Site, encoding: str) -> lsp.Position:
    return lsp.Position(site.line, units(site.text, site.column, encoding))


def _column_utf8(line: str, character: int) -> int:
    data = line.encode("utf-8", "surrogatepass")
    n_started = len(data[:character].translate(None, _CONTINUATION))
    is_inside = character < len(data) and data[character] in _CONTINUATION
    return n_started - is_inside


def _column_utf16(line: str, character: int) -> int:
    if max(line) <= "\uffff":
        return min(character, len(line))
    n_units = 0
    for index, char in enumerate(line):
        n_units += 2 if char > "\uffff" else 1
        if n_units > character:
            return index
    return len(line)
