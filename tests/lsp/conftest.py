"""One server for all tests of a module that only send it documents."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from lsp_session import Client, write_script
from paces import PACES, TEXT
from shared_server import SCRIPT, Shared, serving


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("server")
    yield from serving(folder, write_script(folder / "shared.json", **SCRIPT))


@pytest.fixture(scope="module")
def built_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    yield from serving(tmp_path_factory.mktemp("server"), "codels-tiny")


@pytest.fixture(scope="module")
def client(shared: Shared) -> Client:
    """The shared server with a model of several paces."""
    shared.use(**PACES)
    return shared.client


@pytest.fixture
def uri(client: Client) -> Iterator[str]:
    """A document of its own for every test: three lines, one for each pace."""
    name = f"file:///requests{next(_NUMBERS)}.py"
    client.open(name, TEXT)
    yield name
    client.notify("textDocument/didClose", {"textDocument": {"uri": name}})


_NUMBERS = itertools.count()
