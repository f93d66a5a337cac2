"""Arguments that cannot be: 2 where something is wrong with what was asked, 1 where there is nothing to show."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from commands import codels

REFUSED = [
    # arguments, words on standard error
    (["complete", "nowhere.py:1:1"], "cannot read 'nowhere.py': No such file"),
    (["complete", "folder.py:1:1"], "cannot read 'folder.py': Is a directory"),
    (["complete", "/proc/self/mem:1:1"], "cannot read '/proc/self/mem': Input/output error"),
    (["complete", "a\0b.py:1:1"], "cannot read 'a\\x00b.py': embedded null byte"),
    (["complete", "x" * 5000 + ":1:1"], "File name too long"),
    (["complete", ""], "the place must be FILE:LINE:COL, such as app.py:12:5, not ''"),
    (["complete", "app.py"], "must be FILE:LINE:COL"),
    (["complete", "app.py:5"], "must be FILE:LINE:COL"),
    (["complete", "app.py:five:17"], "must be FILE:LINE:COL"),
    (["complete", "app.py:5:"], "must be FILE:LINE:COL"),
    (["complete", "app.py:-5:1"], "must be FILE:LINE:COL"),
    (["complete", "app.py:5:1.5"], "must be FILE:LINE:COL"),
    (["complete", "app.py:²:1"], "must be FILE:LINE:COL"),
    (["complete", "app.py:" + "9" * 5000 + ":1"], "must be FILE:LINE:COL"),
    (["complete", "app.py:0:1"], "app.py has 7 lines, so there is no line 0"),
    (["complete", "app.py:8:1"], "app.py has 7 lines, so there is no line 8"),
    (["complete", "app.py:999999999:1"], "there is no line 999999999"),
    (["complete", "app.py:5:0"], "line 5 of app.py has 16 characters: columns go from 1 to 17, not 0"),
    (["complete", "app.py:5:18"], "columns go from 1 to 17, not 18"),
    (["complete", "app.py:6:11"], "line 6 of app.py has 9 characters: columns go from 1 to 10, not 11"),
    (["complete", "empty.py:2:1"], "empty.py has 1 lines"),
    (["complete", "app.py:5:17", "--model", "nothing"], "there is no model 'nothing'; `codels models list` shows"),
    (["complete", "app.py:5:17", "--model", "nothing.gguf"], "nothing.gguf does not exist"),
    (["complete", "app.py:5:17", "--model", "folder.py"], "there is no model 'folder.py'"),
    (["complete", "app.py:5:17", "--model", "~nobody-here/x.gguf"], "~nobody-here"),
    (["complete", "app.py:5:17", "--model", "x" * 5000], "File name too long"),
    (["complete", "app.py:5:17", "--model", "cut.gguf"], "cut.gguf cannot be loaded, it may be truncated"),
    (["complete", "app.py:5:17", "--model", "text.gguf"], "text.gguf is not a GGUF file"),
    (
        ["complete", "app.py:5:17", "--model", "crash.json"],
        "(exit code 11) as it loaded crash.json: fetch the model",
    ),
    (["models", "info", "nothing"], "there is no model 'nothing'; `codels models list` shows"),
    (["models", "path", "nothing.gguf"], "nothing.gguf does not exist"),
    (["models", "pull", "codels-tiny"], "codels-tiny is not on the hub: there is nothing to pull"),
    (["models", "rm", "codels-tiny"], "codels-tiny was not pulled, so "),
    (
        ["models", "add", "no/such/file.gguf"],
        "'no/such/file.gguf' is no file, no folder of a model, and no",
    ),
    (
        ["models", "add", "x" * 5000],
        "no folder of a model, and no repository of the hub such as owner/name",
    ),
    (["models", "add", "~nobody-here/x.gguf"], "'~nobody-here/x.gguf' is no file"),
    (["models", "add", "owner/name", "--offline"], "nothing is fetched offline: the .gguf files of owner/name on the"),
    (["models", "add", "model.json", "--id", "codels-tiny"], "there is a model codels-tiny already: choose another"),
    (["models", "add", "app.py"], "there is no model 'app.py'"),
    (["models", "add", "text.gguf"], "text.gguf is not a GGUF file"),
    (["models", "verify", "nothing"], "there is no model 'nothing'"),
    (["serve", "--tcp", "0.0.0.0:2087"], "--tcp needs HOST:PORT on this machine"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=lambda value: repr(value)[:50])
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    app: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    assert app.exists()
    monkeypatch.setattr(os, "_exit", lambda code: pytest.fail(f"ended with {code}"))
    said = codels(capsys, *arguments)
    assert (said.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    assert line.startswith("codels: ")
    assert words in line


def test_an_address_that_somebody_else_has_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = codels(capsys, "serve", "--tcp", address)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"codels: cannot listen on {address}: ")


MISUSED = [
    ([], "required"),
    (["sing"], "invalid choice"),
    (["models"], "required"),
    (["models", "eat"], "invalid choice"),
    (["models", "pull"], "ID"),
    (["complete"], "FILE:LINE:COL"),
    (["complete", "a:1:1", "b:1:1"], "unrecognized arguments"),
    (["complete", "a:1:1", "--model"], "expected one argument"),
    (["complete", "a:1:1", "--loud"], "unrecognized arguments"),
]


@pytest.mark.parametrize(("arguments", "words"), MISUSED, ids=repr)
def test_a_misuse_shows_the_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    said = codels(capsys, *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("usage: codels")
    assert words in said.err


SILENT = [
    # place, model, why
    ("notes.xyz:5:17", "", "the model knows python only, and this document is xyz"),
    ("Makefile:5:17", "", "the model knows python only, and this document is plain text"),
    ("app.py:5:17", "silent.json", "the model has nothing to add"),
    ("app.py:5:17", "boom.json", "the engine died (exit code 11)"),
]


@pytest.mark.parametrize(("place", "model", "why"), SILENT)
def test_no_suggestion_is_exit_code_1_and_why(
    app: Path, capsys: pytest.CaptureFixture[str], place: str, model: str, why: str
) -> None:
    assert app.exists()
    said = codels(capsys, "complete", place, "--model", model)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"codels: no suggestion: {why}")
