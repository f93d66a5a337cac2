"""A folder with files and models, good and bad."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import write_script

from codels.registry import store

CODE = "import os\n\n\ndef main():\n    for i in ran\n    😀 = 1\n"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`app.py` in the current folder, and a scripted model beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(CODE, "utf-8")
    (tmp_path / "notes.xyz").write_text(CODE, "utf-8")
    (tmp_path / "Makefile").write_text(CODE, "utf-8")
    (tmp_path / "crlf.py").write_bytes(b"\xef\xbb\xbfx = \r\ny = 2\r\n")
    (tmp_path / "latin.py").write_bytes(b"s = '\xe9\xff'\nx = ")
    (tmp_path / "empty.py").touch()
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "cut.gguf").write_bytes(Path(store.locate(store.find("codels-tiny"))).read_bytes()[:1000])
    (tmp_path / "text.gguf").write_text("hello")
    write_script(tmp_path, "model")
    write_script(tmp_path, "crash", dies_loading=True)
    write_script(tmp_path, "boom", dies_on="ran")
    write_script(tmp_path, "silent", answers={})
    return tmp_path / "app.py"


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Whoever runs the tests in the background makes them, and what they start, deaf to interrupts."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)
