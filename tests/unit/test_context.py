"""Sources of context: all are heard in their order, and one that fails costs nothing but itself."""

from collections.abc import Iterable

import pytest
from helpers import site

from codels.context import Workspace, gather
from codels.core import Site, Snippet


def one(at: Site, _workspace: Workspace) -> Iterable[Snippet]:
    yield Snippet("one.py", at.before)


def two(_at: Site, workspace: Workspace) -> Iterable[Snippet]:
    return [Snippet(recent.snapshot.uri, "two") for recent in workspace.recent]


def broken(_at: Site, _workspace: Workspace) -> Iterable[Snippet]:
    yield Snippet("half.py", "half")
    raise OSError("no such file")


def test_all_in_their_order(caplog: pytest.LogCaptureFixture) -> None:
    found = gather(site("abc‸"), Workspace((site("‸", uri="r"), site("‸", uri="s"))), (two, broken, one))
    assert [snippet.path for snippet in found if snippet.path != "half.py"] == ["r", "s", "one.py"]
    assert "context source broken failed and is skipped" in caplog.text


def test_none_yet() -> None:
    assert gather(site("abc‸"), Workspace()) == ()
