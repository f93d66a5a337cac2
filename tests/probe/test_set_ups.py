"""Deliberately wrong set-ups of real, small, trained models: each ends in the sentence that helps, and still serves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_user import MODELS, Codels, app

gguf = pytest.importorskip("gguf", reason="the test changes models with the gguf package")
import tiny_files  # noqa: E402

from codels.backends import ggufshape  # noqa: E402
from codels.backends.planning import Wishes, choose  # noqa: E402
from codels.machine import Device, DeviceKind, Devices  # noqa: E402
from codels.registry import pins, store  # noqa: E402

pytestmark = pytest.mark.model

BLIND = "; it only sees the text before the caret"
QWEN_FIM = {f"<|fim_{name}|>": f"<|other_{name}|>" for name in ("prefix", "suffix", "middle")}
TEMPLATE = {"tokenizer.chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}

Made = Callable[[Path], Path]


def as_is(name: str) -> Made:
    return lambda _folder: MODELS / f"{name}.gguf"


def without_markers(folder: Path) -> Path:
    return tiny_files.renamed(MODELS / "untrained.gguf", folder / "m.gguf", QWEN_FIM)


def chatty(folder: Path) -> Path:
    return tiny_files.changed(MODELS / "untrained.gguf", folder / "m.gguf", TEMPLATE)


def still_filling(folder: Path) -> Path:
    """Base models come with a chat template, too."""
    return tiny_files.changed(MODELS / "qwen2.gguf", folder / "m.gguf", TEMPLATE)


def badly_converted(folder: Path) -> Path:
    """llama.cpp mends the types of the markers that it knows; it does not know Seed-Coder's."""
    names = {f"<|fim_{name}|>": f"<[fim-{name}]>" for name in ("prefix", "suffix", "middle")}
    path = tiny_files.renamed(MODELS / "qwen2.gguf", folder / "renamed.gguf", names)
    return tiny_files.retyped(path, folder / "m.gguf", ["<[fim-suffix]>"], gguf.TokenType.NORMAL)


def truncated(folder: Path) -> Path:
    (folder / "m.gguf").write_bytes((MODELS / "qwen2.gguf").read_bytes()[:-5000])
    return folder / "m.gguf"


def card(
    path: Path, family: str = "", order: str = "psm", sha256: str = "", skills: tuple[str, ...] = ("fim",)
) -> None:
    rows = {"id": "mine", "backend": "llama.cpp", "family": family, "order": order, "skills": list(skills)}
    file = {"path": str(path), "sha256": sha256 or pins.digest(path)}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in rows.items() if value)
    store.cards_folder().mkdir(parents=True, exist_ok=True)
    text = f"{lines}\n[[files]]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in file.items())
    (store.cards_folder() / "mine.toml").write_text(text + "\n", "utf-8")


SET_UPS = {
    # what is wrong: the file, the card's family and order (none: no card), what is said, what serves
    "wrong family": (
        as_is("starcoder2"),
        ("deepseek-coder", "psm"),
        "its card says family deepseek-coder, but it fills in the middle as family starcoder2, ",
        "family starcoder2",
    ),
    "no fill-in-the-middle": (without_markers, None, "it has no fill-in-the-middle tokens" + BLIND, "family plain"),
    "swapped markers": (
        as_is("swapped"),
        ("starcoder", "psm"),
        "its markers for prefix and suffix are swapped, so the file was converted wrongly: convert it again or fetch",
        "family plain",
    ),
    "untrained markers": (
        as_is("untrained"),
        ("qwen2.5-coder", "psm"),
        "its fill-in-the-middle markers exist but were never trained: choose another model (",
        "family plain",
    ),
    "instruct variant": (
        chatty,
        ("qwen2.5-coder", "psm"),
        "it is an instruct variant that lost fill-in-the-middle: use the base model for completion (",
        "family plain",
    ),
    "wrong order": (
        as_is("qwen2"),
        ("codels", "spm"),
        "its card says suffix first, but it fills in the middle better prefix first (",
        "order psm",
    ),
    "markers that are ordinary tokens": (
        badly_converted,
        ("seed-coder", "spm"),
        "has <[fim-suffix]>, which family seed-coder needs, as an ordinary token and not as a special one, so the",
        "family plain",
    ),
    "markers that are ordinary tokens, no card": (
        badly_converted,
        None,
        "so the file was converted wrongly: convert it again, or fetch another one" + BLIND,
        "family plain",
    ),
}


@pytest.mark.parametrize("name", SET_UPS)
def test_each_wrong_set_up_is_told_and_serves(home: Path, codels: Codels, name: str) -> None:
    make, written, sentence, serves = SET_UPS[name]
    path = make(home)
    if written:
        card(path, *written)
    said = codels("doctor", "mine" if written else str(path))
    assert sentence in said.all
    assert said.err.count("codels: ") == 1
    assert serves in said.out
    assert "is followed by" in said.out


GOOD = {
    # the file, the card's family and order, or none, and what is said of it
    "llama, codellama": (as_is("llama"), ("codellama", "psm"), ""),
    "llama, no card": (as_is("llama"), None, ".gguf: it fills in the middle as family codellama, "),
    "qwen2": (as_is("qwen2"), ("qwen2.5-coder", "psm"), ""),
    "qwen2, no card": (as_is("qwen2"), None, ".gguf: it fills in the middle as family "),
    "qwen2 with a chat template": (still_filling, ("qwen2.5-coder", "psm"), ""),
    "starcoder2": (as_is("starcoder2"), ("starcoder2", "psm"), ""),
    "starcoder2, no card": (as_is("starcoder2"), None, ".gguf: it fills in the middle as family starcoder2, "),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_is_found_right(home: Path, codels: Codels, name: str) -> None:
    make, written, sentence = GOOD[name]
    path = make(home)
    if written:
        card(path, *written)
    said = codels("doctor", "mine" if written else str(path))
    assert sentence in said.err
    assert bool(said.err) == bool(sentence)
    assert "✓ fills in the middle: family " in said.out
    assert said.code == 0


def test_weights_that_are_no_numbers_are_told(home: Path, codels: Codels) -> None:
    whole = (MODELS / "llama.gguf").read_bytes()
    (home / "m.gguf").write_bytes(whole[: len(whole) // 2].ljust(len(whole), b"\xff"))
    said = codels("models", "add", "m.gguf")
    assert (said.code, said.out) == (2, "")
    assert "m was not added: what it computes is no number, so the file is damaged: fetch it again" in said.err
    said = codels("complete", app(home), "--model", "m.gguf")
    assert (said.code, said.out) == (1, "")
    assert "no suggestion: what the model computes is no number, so its file is damaged: fetch it again" in said.err


def test_a_file_that_took_the_place_of_another_is_looked_at(home: Path, codels: Codels) -> None:
    """Of the same size."""
    shutil.copyfile(MODELS / "qwen2.gguf", home / "m.gguf")
    codels("models", "add", "m.gguf")
    assert codels("complete", app(home), "--model", "m") == (0, "harvest\n", "")
    shutil.copyfile(MODELS / "untrained.gguf", home / "m.gguf")
    assert "were never trained: choose another model" in codels("complete", app(home), "--model", "m").err


def test_a_truncated_file(home: Path, codels: Codels) -> None:
    path = truncated(home)
    said = codels("complete", app(home), "--model", str(path))
    assert said.code == 2
    assert f"{path} cannot be loaded, it may be truncated" in said.err
    assert "Fetch the file again" in said.err


@pytest.mark.usefixtures("home")
def test_a_wrong_hash(codels: Codels) -> None:
    card(MODELS / "qwen2.gguf", "qwen2.5-coder", sha256="0" * 64)
    for command in (("doctor", "mine"), ("models", "verify", "mine")):
        said = codels(*command)
        assert said.code == 1
        assert "sha256 differs" in said.all or "its sha256 is another" in said.all


PLANS = {
    # what is wrong: what the user wants, the GPU that there is, what is said
    "context too long": (
        Wishes(context_window=100_000),
        (),
        "codels.context_window asks for 100,000 tokens, which is too long a context: the model was trained on 512",
    ),
    "GPU too small": (
        Wishes(),
        (Device("CUDA0", DeviceKind.GPU, "NVIDIA L4", "CUDA", 100 << 20, 24 << 30),),
        "GPU too small: CUDA0 NVIDIA L4 has 104.9 MB free, and the model needs ",
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_what_the_machine_cannot_give_is_told_too(name: str) -> None:
    wishes, gpus, sentence = PLANS[name]
    cpu = Device("CPU", DeviceKind.CPU, free_bytes=8 << 30, total_bytes=16 << 30)
    plan = choose(ggufshape.read(MODELS / "llama.gguf"), Devices((*gpus, cpu)), wishes)
    assert [note for note in plan.notes if note.startswith(sentence)]


def test_what_was_found_is_not_asked_again(home: Path, codels: Codels, monkeypatch: pytest.MonkeyPatch) -> None:
    place = app(home)
    first = codels("complete", place, "--model", str(MODELS / "untrained.gguf"))
    monkeypatch.setattr("codels.examination.probe", lambda *_arguments: pytest.fail("the model was asked again"))
    assert codels("complete", place, "--model", str(MODELS / "untrained.gguf")) == first
    assert "never trained" in first.err
