"""Where the tests find what is not in the repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codels import verdicts


@pytest.fixture(scope="session", autouse=True)
def _no_models_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What whoever runs the tests has pulled, chosen or measured must not change their outcome."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "DATA"):
            patch.setenv(f"XDG_{name}_HOME", str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of large test data beside the repository, or the one that CODELS_SHARED names."""
    default = Path(__file__).parents[2] / "shared"
    path = Path(os.environ.get("CODELS_SHARED", default))
    if not path.is_dir():
        pytest.skip(f"{path} does not exist; CODELS_SHARED can name another folder with the test data")
    return path


@pytest.fixture(autouse=True)
def _verdicts(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found out about models in a test is forgotten after it."""
    monkeypatch.setattr(verdicts, "folder", lambda: tmp_path_factory.getbasetemp() / "verdicts")
