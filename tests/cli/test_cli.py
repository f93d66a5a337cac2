"""What the commands print, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import PATIENCE_S, codels, start, write_script

from codels import __version__
from codels.registry import store

MINUTE = 60_000

BUFFERED = {"PYTHONUNBUFFERED": ""}
"""As it is for people: what is printed is written when the command ends."""


@pytest.mark.parametrize(
    ("place", "suggestion"),
    [
        ("app.py:5:17", "ge(10): pass"),
        ("notes.xyz:5:17", "ge(10): pass"),
        ("crlf.py:1:5", "1"),
        ("latin.py:2:5", "1"),
        ("empty.py:1:1", "import os"),
    ],
)
def test_a_suggestion_is_printed_and_nothing_else(
    app: Path, capsys: pytest.CaptureFixture[str], place: str, suggestion: str
) -> None:
    write_script(app.parent, "model", answers={"": "import os\n", "x = ": "1\n", "ran": "ge(10): pass\n"})
    assert codels(capsys, "complete", place, "--model", "model.json") == (0, suggestion + "\n", "")


def test_json_is_json_with_everything_in_it(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.exists()
    said = codels(capsys, "complete", "app.py:5:17", "--json", "--model", "model.json")
    answer = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert answer["completions"][0]["text"] == "ge(10): pass"
    assert {"trigger", "cache", "context", "budget", "prompt", "generate", "postprocess"} == set(answer["stages"])
    assert answer["stats"]["why_stopped"] == "end"
    assert answer["origin"] == "model"


def test_json_without_a_suggestion_says_why(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.exists()
    said = codels(capsys, "complete", "notes.xyz:5:17", "--json")
    assert said.code == 1
    assert "python only" in json.loads(said.out)["reason"]


@pytest.mark.model
def test_verbose_lists_each_stage_and_what_the_model_did(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.exists()
    said = codels(capsys, "complete", "app.py:5:17", "-v")
    assert (said.code, said.out.startswith("ge(")) == (0, True)
    for word in ("milliseconds: trigger", "cache", "context", "budget", "prompt", "generate", "postprocess"):
        assert word in said.err
    assert "of which the model: prefill" in said.err
    assert "stopped by:" in said.err


@pytest.mark.model
def test_try_shows_code_and_a_suggestion_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    said = codels(capsys, "try")
    assert (said.code, said.err) == (0, "")
    assert "«" in said.out
    assert "│ " in said.out
    assert "milliseconds: trigger" in said.out


@pytest.mark.model
def test_doctor_finds_all_well(capsys: pytest.CaptureFixture[str]) -> None:
    said = codels(capsys, "doctor")
    assert (said.code, said.err) == (0, "")
    for words in (f"codels {__version__}", "✓ llama-cpp-python", "✓ model codels-tiny: python", "✓ its sha256"):
        assert words in said.out
    assert f"family codels, order spm, context window {store.find(store.BUILT_IN).context_window} tokens" in said.out
    assert "is followed by" in said.out
    assert said.out.endswith("✓ all works\n")
    assert "✗" not in said.out


@pytest.mark.parametrize("model", ["nothing", "nothing.gguf", "cut.gguf", "text.gguf", "crash.json", "~nobody-here/x"])
def test_doctor_finds_a_broken_model(app: Path, capsys: pytest.CaptureFixture[str], model: str) -> None:
    assert app.exists()
    said = codels(capsys, "doctor", "--model", model)
    assert said.code == 1
    last = said.out.splitlines()[-1]
    assert last.startswith("✗ ")
    assert Path(model).name in last


def test_doctor_says_what_is_not_installed(
    app: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from codels.commands import doctor

    assert app.exists()
    monkeypatch.setattr(doctor, "_PACKAGES", ("no-such-package",))
    said = codels(capsys, "doctor", "--model", "model.json")
    assert "✗ no-such-package is not installed: pip install no-such-package" in said.out
    assert said.code == 1
    assert "all works" not in said.out


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert codels(capsys, "--version") == (0, f"codels {__version__}\n", "")
    said = codels(capsys, "--help")
    assert (said.code, said.err) == (0, "")
    for command in ("serve", "complete", "try", "doctor", "bench", "evaluate"):
        assert command in said.out


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["complete", "app.py:5:17", "--model", "model.json"]])
def test_output_into_a_closed_pipe_is_no_traceback(app: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start(*arguments, stdout=writing, stderr=subprocess.PIPE, cwd=app.parent, env=BUFFERED)
    os.close(writing)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (1, b"")


@pytest.mark.model
def test_signs_that_the_terminal_lacks_do_not_cost_the_answer() -> None:
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    process = start("try", env=ascii_only, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, b"")
    assert b"?" in out
    assert out.isascii()


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupt_ends_the_command_and_its_engine(app: Path) -> None:
    write_script(app.parent, "slow", prefill_ms={"": MINUTE})
    arguments = ["complete", "app.py:5:17", "--model", "slow.json"]
    process = start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=app.parent)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + PATIENCE_S
    while not (engines := children.read_text().split()) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (130, b"", b"")
    for pid in engines:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
