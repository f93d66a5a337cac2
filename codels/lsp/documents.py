"""The editors' documents, kept in step by incremental edits, and snapshots of them.

An edit touches the lines it names, whatever the file's size; a snapshot copies references to lines, once a version.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lsprotocol import types as lsp

from codels.core import Site, Snapshot
from codels.lines import split_lines
from codels.lsp.convert import column


@dataclass(slots=True)
class Document:
    """A text document of the editor. Mutable: everything beyond a handler's first `await` uses `snapshot()`."""

    uri: str
    language: str
    version: int
    lines: list[str]
    encoding: str
    _snapshot: Snapshot | None = field(default=None, init=False)

    def snapshot(self) -> Snapshot:
        if self._snapshot is None or self._snapshot.version != self.version:
            self._snapshot = Snapshot(self.uri, self.language, self.version, tuple(self.lines))
        return self._snapshot

    def apply(self, change: lsp.TextDocumentContentChangeEvent) -> None:
        """Apply one change. Positions outside the document are clamped; a reversed range is read the right way."""
        self._snapshot = None
        if isinstance(change, lsp.TextDocumentContentChangeWholeDocument):
            self.lines = split_lines(change.text)
            return
        ends = sorted((self._clamp(change.range.start), self._clamp(change.range.end)))
        self._splice(*ends[0], *ends[1], change.text)

    def _clamp(self, position: lsp.Position) -> tuple[int, int]:
        if position.line >= len(self.lines):
            return len(self.lines) - 1, len(self.lines[-1])
        line = max(position.line, 0)
        return line, column(self.lines[line], position.character, self.encoding)

    def _splice(self, first: int, first_column: int, last: int, last_column: int, text: str) -> None:
        merged = self.lines[first][:first_column] + text + self.lines[last][last_column:]
        if first and merged.startswith("\n") and self.lines[first - 1].endswith("\r"):
            first -= 1  # a lone \r above and a \n that has come to stand right after it are one line end
            merged = self.lines[first] + merged
        lines = split_lines(merged)
        if last + 1 < len(self.lines):
            lines.pop()  # the empty rest after the last line end: the line below is already there
        self.lines[first : last + 1] = lines


@dataclass(slots=True)
class Documents:
    """All open documents by URI."""

    encoding: str = "utf-16"
    _open: dict[str, Document] = field(default_factory=dict)

    def open(self, item: lsp.TextDocumentItem) -> None:
        lines = split_lines(item.text)
        self._open[item.uri] = Document(item.uri, item.language_id, item.version, lines, self.encoding)

    def change(self, params: lsp.DidChangeTextDocumentParams) -> None:
        document = self._open.get(params.text_document.uri)
        if document is None:
            return
        for change in params.content_changes:
            document.apply(change)
        document.version = params.text_document.version

    def close(self, uri: str) -> None:
        self._open.pop(uri, None)

    def version(self, uri: str) -> int | None:
        """The version of an open document, or None."""
        document = self._open.get(uri)
        return document.version if document else None

    def site(self, uri: str, position: lsp.Position) -> Site | None:
        """The caret as a value, or None where the document is not open or has no such line."""
        document = self._open.get(uri)
        if document is None or not 0 <= position.line < len(document.lines):
            return None
        return Site(
            document.snapshot(),
            position.line,
            column(document.lines[position.line], position.character, self.encoding),
        )
