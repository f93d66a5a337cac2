"""Scripted models for the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engines import DELAYS_S, Script

from codels.backends import LoadSpec
from codels.engine import client as client_module


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Writes a scripted model; the same name again changes it."""

    def write(name: str = "model", **fields: Any) -> LoadSpec:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"answers": {"": "x + 1\n"}, **fields}), "utf-8")
        return LoadSpec("fake", str(path))

    return write


@pytest.fixture(autouse=True)
def _restart_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_DELAY_S", DELAYS_S[0])
    monkeypatch.setattr(client_module, "MAX_DELAY_S", DELAYS_S[-1])
