"""The gate and the copying of a card: what they cannot be fitted on is told in a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from places import RECIPE

import fit_gate


def rows(*pairs: tuple[float, float], answer: str = "x") -> str:
    return "\n".join(json.dumps({"answer": answer, "logprob": logprob, "exact": exact}) for logprob, exact in pairs)


REFUSED = [
    (None, "cannot be read .*codels evaluate"),
    ("", "has no answers in 0 rows"),
    (rows((-1.0, 0.0), answer=""), "has no answers in 1 rows"),
    (rows((-1.0, 1.0), (-2.0, 1.0)), "all 2 answers are right: evaluate more holes"),
    (rows((-1.0, 0.0), (-2.0, 0.0)), "all 2 answers are wrong: evaluate more holes"),
    (rows((-1.0, 1.0), (-1.0, 0.0)), "too few, or too much alike"),
    (rows((-1.0, 1.0), (-9.0, 0.0)), "too few, or too much alike"),
    ("{broken", "is no file of codels evaluate"),
    ("[1]\n7", "is no file of codels evaluate"),
    ('{"exact": 1, "answer": "x"}', "is no file of codels evaluate .*logprob"),
]


@pytest.mark.parametrize(("content", "said"), REFUSED)
def test_rows_that_a_gate_cannot_be_fitted_on(
    tmp_path: Path, content: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "valid.jsonl"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr(sys, "argv", ["fit_gate.py", str(path)])
    with pytest.raises(SystemExit, match=said):
        fit_gate.main()


def test_a_gate_is_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    logprobs = -rng.exponential(1.0, 200)
    path = tmp_path / "valid.jsonl"
    path.write_text(rows(*((float(p), float(rng.random() < np.exp(p))) for p in logprobs)))
    monkeypatch.setattr(sys, "argv", ["fit_gate.py", str(path), str(path)])
    fit_gate.main()
    assert "[gate]\nintercept = " in capsys.readouterr().out


@pytest.mark.parametrize("model", ["no-such-model", "nowhere.gguf", "codels-tiny"])
def test_copying_names_what_it_cannot_use(tmp_path: Path, model: str) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    pytest.importorskip("tqdm", reason="tqdm is not installed")
    command = [sys.executable, RECIPE / "fit_copying.py", model, "--data", tmp_path / "nowhere.jsonl.xz"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (model if model != "codels-tiny" else "nowhere.jsonl.xz") in done.stderr
