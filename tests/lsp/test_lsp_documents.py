"""Every document gets an answer: bad ones, odd ones, and none; the user is never shown a complaint."""

from __future__ import annotations

import asyncio
import random

import pytest
from lsp_session import URI
from shared_server import Shared

from codels.lspclient import inline_params

FIVE_MB = "value = compute(first=1, second=2, third=3, to=4)\n" * 100_000
LONG_LINE = "x = '" + "y" * 200_000 + "'\n"
BINARY = "".join(map(chr, random.Random(0).choices(range(256), k=4000)))

ANSWERED = [
    # text, line, character, what is offered
    ("y = ", 0, 4, "x + 1"),
    ("", 0, 0, "x + 1"),
    ("\n", 1, 0, "x + 1"),
    ("\ufeffy = ", 0, 5, "x + 1"),
    ("\ufeff", 0, 1, "x + 1"),
    ("y = ", 0, 1_000_000, "x + 1"),
    ("y = \nz = 2\n", 0, 2**31 - 1, "x + 1"),
    ("a = 1\r\nb = 2\rc = \nd = 4\n", 2, 4, "x + 1"),
    ("a = 1\r\n\r\nc = ", 2, 4, "x + 1"),
    ("\r\r\n\n\rc = ", 4, 4, "x + 1"),
    ("a = 1\n\f\nb\x0b = \x1c2\u2028\u2029\x85\nc = ", 3, 4, "x + 1"),
    ("s = '\ud800\udfff'\nc = ", 1, 4, "x + 1"),
    ("s = '\ud800", 0, 6, "x + 1"),
    ("# \ud83d\ny = ", 1, 4, "x + 1"),
    ("s = '😀😀'; y = ", 0, 15, "x + 1"),
    ("<|fim_prefix|><|fim_suffix|><|fim_middle|>\ny = ", 1, 4, "x + 1"),
    (FIVE_MB + "y = \n" + FIVE_MB[:5000], 100_000, 4, "x + 1"),
    ("y = \n" + FIVE_MB, 0, 4, "x + 1"),
    (LONG_LINE + "y = ", 1, 4, "x + 1"),
    ("y = \n" + LONG_LINE, 0, 4, "x + 1"),
]


@pytest.mark.parametrize("is_explicit", [False, True])
@pytest.mark.parametrize(("text", "line", "character", "offered"), ANSWERED, ids=lambda value: repr(value)[:30])
def test_odd_documents_are_completed(
    shared: Shared, text: str, line: int, character: int, offered: str, is_explicit: bool
) -> None:
    assert [item["insertText"] for item in shared.complete(text, line, character, is_explicit=is_explicit)] == [offered]


SILENT = [
    # text, line, character, language, a word of the reason
    ("y = ", 1, 0, "python", "no line 2"),
    ("y = ", 1_000_000, 0, "python", "no line 1000001"),
    ("y = \n", 2, 0, "python", "no line 3"),
    (LONG_LINE, 0, 3, "python", "more than 20000 characters"),
    (LONG_LINE, 0, 150_000, "python", "more than 20000 characters"),
    ("x = 1\n" * 150_001, 10, 5, "python", "more than 150000 lines"),
    ("a\0b = ", 0, 6, "python", "binary"),
    ("PNG\r\n\x1a\n\0\0\0\rIHDR", 2, 3, "python", "binary"),
    ("call(first, second)", 0, 5, "python", "right of the caret"),
]


@pytest.mark.parametrize(("text", "line", "character", "language", "reason"), SILENT, ids=lambda v: repr(v)[:30])
def test_where_nothing_can_be_offered_the_list_is_empty_and_the_status_says_why(
    shared: Shared, text: str, line: int, character: int, language: str, reason: str
) -> None:
    assert shared.complete(text, line, character, language=language) == []
    assert reason in shared.reason()


@pytest.mark.parametrize("line", range(0, BINARY.count("\n") + 2, 3))
def test_binary_noise_is_survived(shared: Shared, line: int) -> None:
    shared.complete(BINARY, line, 3, is_explicit=True)
    assert shared.complete("y = ", 0, 4)


@pytest.mark.parametrize(
    "uri",
    [
        *("untitled:Untitled-1", "vscode-notebook-cell:/a.ipynb#W0", "file:///c%3A/a%20b/%E2%82%AC.py"),
        *("", "app.py", "\ud800", "%", "file:///%ff%fe.py", "x" * 10_000),
    ],
    ids=lambda uri: repr(uri)[:30],
)
def test_odd_uris_are_names_like_others(shared: Shared, uri: str) -> None:
    shared.client.open(uri, "y = ")
    items = shared.run(shared.client.complete(uri, 0, 4))
    assert [item["insertText"] for item in items] == ["x + 1"]


@pytest.mark.parametrize("uri", ["file://[/x.py", "http://[::1/x"])
def test_a_uri_that_python_cannot_parse_costs_no_answer(shared: Shared, uri: str) -> None:
    shared.client.open(uri, "y = ")
    shared.run(shared.client.complete(uri, 0, 4))
    assert shared.complete("y = ", 0, 4)


def test_a_document_that_was_never_opened(shared: Shared) -> None:
    assert shared.run(shared.client.complete("file:///never.py", 0, 0)) == []
    assert "file:///never.py is not open" in shared.reason()
    shared.client.change("file:///never.py", 2, {"text": "x"})
    shared.client.notify("textDocument/didClose", {"textDocument": {"uri": "file:///never.py"}})
    assert shared.run(shared.client.complete("file:///never.py", 0, 0)) == []


def test_a_document_that_was_closed(shared: Shared) -> None:
    shared.client.open(URI, "y = ")
    shared.client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert shared.run(shared.client.complete(URI, 0, 4)) == []


def test_a_document_that_is_opened_twice_has_its_second_text(shared: Shared) -> None:
    shared.client.open(URI, "call(first, second)")
    shared.client.open(URI, "y = ", version=1)
    assert shared.run(shared.client.complete(URI, 0, 4))


def test_an_explicit_request_has_several_candidates_and_an_automatic_one_has_one(shared: Shared) -> None:
    asked = shared.complete("pick = ", 0, 7, is_explicit=True)
    assert [item["insertText"] for item in asked] == ["first()", "second()", "third()"]
    typed = shared.complete("pick = ", 0, 7)
    assert [item["insertText"] for item in typed] == ["first()"]


def test_an_explicit_request_answers_where_an_automatic_one_is_silent(shared: Shared) -> None:
    text = "y = (first, second)"
    assert shared.complete(text, 0, 4) == []
    assert [item["insertText"] for item in shared.complete(text, 0, 4, is_explicit=True)] == ["x + 1"]


def test_many_requests_at_once_are_each_answered_once(shared: Shared) -> None:
    uris = [f"file:///many{n}.py" for n in range(30)]
    for uri in uris:
        shared.client.open(uri, "y = ")

    async def ask_all() -> list[object]:
        ask = [shared.client.request("textDocument/inlineCompletion", inline_params(uri, 0, 4)) for uri in uris]
        return list(await asyncio.gather(*ask))

    answers = shared.run(ask_all())
    assert len(answers) == len(uris)
    assert answers[-1]["items"]
