"""A language server whose answers are known by heart, for what the built-in model cannot be relied on to say.

A line that is not in the script gets no answer at all, so that an older ghost stays on the screen for as long
as a test wants to look at it.
"""

from __future__ import annotations

import asyncio

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

SCRIPT = {
    "return": (" a + b", " sum((a, b))", " b + a"),
    "def fib(n):": ("\n    if n < 2:\n        return n\n    return fib(n - 1) + fib(n - 2)",),
    "nothing": (),
}

server = LanguageServer("scripted", "1")


@server.feature(lsp.TEXT_DOCUMENT_INLINE_COMPLETION, lsp.InlineCompletionOptions())
async def complete(ls: LanguageServer, params: lsp.InlineCompletionParams) -> lsp.InlineCompletionList:
    document = ls.workspace.get_text_document(params.text_document.uri)
    at = params.position
    line = document.lines[at.line] if at.line < len(document.lines) else ""
    texts = SCRIPT.get(line[: at.character].strip())
    if texts is None:
        await asyncio.Event().wait()
        raise AssertionError("only a cancellation ends the wait")
    if params.context.trigger_kind is not lsp.InlineCompletionTriggerKind.Invoked:
        texts = texts[:1]
    return lsp.InlineCompletionList([lsp.InlineCompletionItem(text, range=lsp.Range(at, at)) for text in texts])


if __name__ == "__main__":
    server.start_io()
