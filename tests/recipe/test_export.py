"""What an exported model says of itself, and when a check of it fails."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import RECIPE

MISSING = "the recipe's requirements are not installed: pip install -r models/tiny/requirements.txt"
for library in ("torch", "tokenizers", "transformers", "safetensors"):
    pytest.importorskip(library, reason=MISSING)
gguf = pytest.importorskip("gguf")
gguf_file = pytest.importorskip("gguf_file")
verify = pytest.importorskip("verify")


@pytest.fixture(scope="module")
def exported(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    shared = ["--tokenizer", data / "tokenizer.json", "--data", data]
    run_program("train.py", "--config", data / "toy.toml", *shared, "--out", folder / "run", "--tokens", 256)
    run_program("export.py", "--checkpoint", folder / "run", *shared, "--out", folder / "out", "--name", "toy")
    return folder / "out"


def run_program(name: str, *arguments: object) -> None:
    subprocess.run([sys.executable, RECIPE / name, *map(str, arguments)], check=True, capture_output=True)


def test_the_metadata_name_the_marks_the_licence_and_the_notice(exported: Path) -> None:
    fields = gguf.GGUFReader(exported / "toy-f16.gguf").fields
    found = {name: fields[name].contents() for name in fields}
    marks = {name: found[f"tokenizer.ggml.fim_{name}_token_id"] for name in ("pre", "suf", "mid", "pad", "rep", "sep")}
    assert marks == {"pre": 1, "suf": 2, "mid": 3, "pad": 4, "rep": 5, "sep": 6}
    assert found["tokenizer.ggml.pre"] == "qwen2"
    assert found["tokenizer.ggml.add_bos_token"] is False
    assert found["general.license"] == "MIT"
    notice = (exported / "NOTICE.tsv").read_bytes()
    assert found["codels.manifest_sha256"] == hashlib.sha256(notice).hexdigest()


def test_there_is_a_file_for_every_format_that_fits(exported: Path) -> None:
    names = {path.name for path in exported.iterdir()}
    assert names == {"NOTICE.tsv", "hf", "toy-f16.gguf", "toy-f32.gguf", "toy-q8_0.gguf"}  # 32 is no row of a K-quant
    config = json.loads((exported / "hf" / "config.json").read_text())
    assert (config["hidden_size"], config["num_key_value_heads"], config["vocab_size"]) == (32, 1, 300)


def test_only_the_formats_that_are_asked_for(data: Path, exported: Path, tmp_path: Path) -> None:
    given = ["--checkpoint", exported.parent / "run", "--tokenizer", data / "tokenizer.json", "--data", data]
    run_program("export.py", *given, "--out", tmp_path, "--name", "toy", "--formats", "f16")
    assert [path.name for path in tmp_path.glob("*.gguf")] == ["toy-f16.gguf"]
    assert (tmp_path / "toy-f16.gguf").read_bytes() == (exported / "toy-f16.gguf").read_bytes()


def test_rows_go_from_halves_to_pairs() -> None:
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert gguf_file.interleaved(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def report(n_equal: int, gaps: list[float], kind: str = "q8_0", n: int = 50, differ: int = 0) -> dict[str, Any]:
    answers = {f"toy-{kind}": {"n_equal": n_equal, "gaps": gaps}}
    return {"n_snippets": 9, "ids_differ": {"llama.cpp": differ}, "n_prompts": n, "answers": answers}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (report(50, []), ""),
        (report(40, [0.01, 0.09]), ""),
        (report(40, [0.01, 0.2]), "logits differ by 0.2, more than 0.1"),
        (report(37, [0.01]), "only 37 of 50"),
        (report(3, [0.01], n=5), ""),  # too few to tell
        (report(50, [], "f32"), ""),
        (report(49, [0.00001], "f32"), "only 49 of 50"),
        (report(4, [0.01], "f32", n=5), "more than 0.0001"),
        (report(10, [2.0], "q4_k_m"), ""),  # only reported
        (report(50, [], differ=2), "llama.cpp gives other token ids on 2 of 9"),
    ],
)
def test_failures(found: dict[str, Any], said: str) -> None:
    messages = "; ".join(verify.failures(found))
    assert said in messages if said else not messages
