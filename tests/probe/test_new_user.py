"""From a file that somebody has to ghost text, as the README says it: `codels models add some.gguf`, then its name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_user import MODELS, Codels, app

from codels.registry import store

pytestmark = pytest.mark.model

SHAPES = {
    # the file: the family that is found
    "llama": "codellama",
    "qwen2": "qwen2.5-coder",
    "starcoder2": "starcoder2",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_from_a_file_to_ghost_text(home: Path, codels: Codels, shape: str) -> None:
    shutil.copyfile(MODELS / f"{shape}.gguf", home / "some.gguf")
    added = codels("models", "add", "some.gguf")
    assert added.code == 0
    assert (
        f"codels: no card names the family of some.gguf: it fills in the middle as family {SHAPES[shape]}, "
        in added.err
    )
    assert added.out.startswith(f"some can be used now (family {SHAPES[shape]}, order ")
    said = codels("complete", app(home), "--model", "some")
    assert said == (0, "harvest\n", "")
    assert store.find("some").family == SHAPES[shape]


def test_in_processes_of_their_own(home: Path) -> None:
    """Nothing is handed on but what lies on the disk; the second command asks the model nothing but the hole."""
    shutil.copyfile(MODELS / "llama.gguf", home / "some.gguf")
    outputs = [
        subprocess.run(
            [sys.executable, "-m", "codels", *command], check=True, capture_output=True, env=os.environ
        ).stdout
        for command in (["models", "add", "some.gguf", "--json"], ["complete", app(home), "--model", "some"])
    ]
    assert json.loads(outputs[0])["family"] == "codellama"
    assert outputs[1] == b"harvest\n"


def test_a_card_says_why_its_model_only_sees_what_is_before_the_caret(home: Path, codels: Codels) -> None:
    shutil.copyfile(MODELS / "swapped.gguf", home / "some.gguf")
    said = codels("models", "add", "some.gguf")
    assert said.out.startswith("some can be used now (family plain, order psm)")
    assert "its markers for prefix and suffix are swapped" in said.err
    assert store.find("some").note.startswith("its markers for prefix and suffix are swapped")
    assert codels("complete", app(home), "--model", "some").err == ""
    doctor = codels("doctor", "some")
    assert (doctor.code, doctor.err) == (1, "")
    assert "✗ does not fill in the middle: its markers for prefix and suffix are swapped" in doctor.out
