"""Model files that are missing, damaged, of another kind or without markers: a sentence, never a crash."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from answers import BUILT_IN, WINDOW, Open, ask

from codels import backends
from codels.backends import Backend, LoadSpec
from codels.errors import BackendMissing, ModelError, UserError

native = pytest.importorskip("codels.backends.llamanative", exc_type=ImportError)

Opened = Callable[[LoadSpec], Backend]

_WHOLE = Path(BUILT_IN).read_bytes()
_TENSORS_AT = 131_072
"""Somewhat before the first tensor's bytes in the built-in model; its metadata is as long as its vocabulary."""


def _load(path: Path | str, backend: str = "llama.cpp", **more: Any) -> Backend:
    return backends.load(LoadSpec(backend, str(path), **more), lambda _fraction, _gpu: True)


@pytest.mark.parametrize(
    "size",
    [
        *(4, 5, 8, 12, 16, 24, 31, 100, 1000, 20_000, 100_000, _TENSORS_AT, 2 * _TENSORS_AT),
        *(len(_WHOLE) // 2, len(_WHOLE) - 100_000, len(_WHOLE) - 1),
    ],
)
def test_a_truncated_file(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(_WHOLE[:size])
    with pytest.raises(ModelError) as caught:
        _load(path)
    assert str(path) in str(caught.value)
    assert "truncated" in str(caught.value)
    assert "etch the file again" in str(caught.value)


def _missing(folder: Path) -> Path:
    return folder / "nowhere.gguf"


def _folder(folder: Path) -> Path:
    (folder / "a.gguf").mkdir()
    return folder / "a.gguf"


def _holding(data: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "a.gguf").write_bytes(data)
        return folder / "a.gguf"

    return make


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_missing, "No such file"),
        (_folder, "Is a directory"),
        (_holding(b""), "is empty"),
        (_holding(b"GGU"), "not a GGUF file"),
        (_holding(b"PK\x03\x04 a zip"), "not a GGUF file"),
        (_holding(b"\x00" * 100_000), "not a GGUF file"),
        (_holding(b"GGUF" + b"\xff" * 5000), "cannot be loaded"),
        (_holding(b"GGUF" + b"\x00" * 5000), "cannot be loaded"),
        (_holding(b"FUGG" + _WHOLE[4:2000]), "not a GGUF file"),
    ],
)
def test_a_file_that_is_no_model(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    path = make(tmp_path)
    with pytest.raises(ModelError) as caught:
        _load(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert any(verb in str(caught.value) for verb in ("etch", "name ", "convert")), "there is no remedy"


def _header(version: int, architecture: str) -> bytes:
    """A file that says nothing but of which architecture it is."""
    key, value = (struct.pack("<Q", len(text)) + text for text in (b"general.architecture", architecture.encode()))
    return b"GGUF" + struct.pack("<IQQ", version, 0, 1) + key + struct.pack("<I", 8) + value


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_header(99, "llama"), "does not know its kind: this GGUF file is version 99"),
        (_header(3, "llama9000"), "does not know its kind: unknown model architecture: 'llama9000'. A newer one may"),
        (_header(3, "clip"), "it reads pictures for another model and writes no text. Choose another model"),
    ],
)
def test_a_file_that_is_whole_is_not_called_truncated(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ModelError) as caught:
        _load(_holding(data)(tmp_path))
    assert words in str(caught.value)
    assert "truncated" not in str(caught.value)


def test_a_reason_names_no_functions_of_the_library(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        _load(_holding(_WHOLE[:-100])(tmp_path))
    assert "llama_" not in str(caught.value).replace(str(tmp_path), "")
    assert "is not within the file bounds, model is corrupted or incomplete. Fetch" in str(caught.value)


def test_a_name_that_is_no_text_loads(tmp_path: Path, opened: Opened) -> None:
    path = tmp_path / os.fsdecode(b"\xff.gguf")
    path.symlink_to(BUILT_IN)
    assert opened(LoadSpec("llama.cpp", str(path))).info.context_window


def test_a_bad_file_leaves_the_library_working(tmp_path: Path, open_llama: Open) -> None:
    with pytest.raises(ModelError):
        _load(_holding(_WHOLE[:1000])(tmp_path))
    assert ask(open_llama()).text


def test_a_load_that_is_told_to_stop_says_so() -> None:
    with pytest.raises(ModelError, match="stopped"):
        backends.load(LoadSpec("llama.cpp", BUILT_IN), lambda _fraction, _gpu: False)


def test_progress_goes_from_nothing_to_all() -> None:
    told: list[float] = []
    backends.load(LoadSpec("llama.cpp", BUILT_IN), lambda f, _gpu: not told.append(f)).close()  # type: ignore[func-returns-value]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)


def test_no_memory_for_the_context_gives_the_model_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each try, and there are several."""
    freed, tried = list[object](), list[object]()
    free = native.llama.llama_model_free
    monkeypatch.setattr(native.llama, "llama_init_from_model", lambda *arguments: tried.append(arguments))
    monkeypatch.setattr(native.llama, "llama_model_free", lambda model: (freed.append(model), free(model)))
    with pytest.raises(ModelError, match="choose a smaller model"):
        _load(BUILT_IN, context_window=256)
    assert len(freed) == len(tried) > 1


@pytest.mark.parametrize(("wanted", "n"), [(0, WINDOW), (128, 128), (512, 512), (100_000, WINDOW)])
def test_the_context_window_is_never_larger_than_the_model_was_trained_for(opened: Opened, wanted: int, n: int) -> None:
    assert opened(LoadSpec("llama.cpp", BUILT_IN, wanted)).info.context_window == n


def test_an_unknown_backend_is_named_with_those_that_exist() -> None:
    with pytest.raises(UserError, match=r"'onnx'; known are llama\.cpp, .*fake"):
        _load(BUILT_IN, backend="onnx")


@pytest.mark.parametrize("error", [ImportError("no module"), RuntimeError("Failed to load shared library"), OSError(1)])
def test_a_library_that_cannot_be_imported_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    _break_import(monkeypatch, error)
    backends.warm("llama.cpp")  # says nothing: the load will
    with pytest.raises(BackendMissing, match="pip install llama-cpp-python"):
        _load(BUILT_IN)


def test_warming_an_unknown_backend_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    backends.warm("onnx")
    assert capfd.readouterr() == ("", "")


def _break_import(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The next import of the module that imports llama_cpp raises `error`, as a broken installation does."""
    import builtins
    import sys

    real = builtins.__import__

    def broken(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "llama_cpp":
            raise error
        return real(name, *arguments, **more)

    for name in ("llamaload", "llamadevices"):
        monkeypatch.delitem(sys.modules, f"codels.backends.{name}")
        monkeypatch.delattr(backends, name)
    monkeypatch.setattr(builtins, "__import__", broken)
