"""The small models of tests/probe, trained anew: the probe finds in them what it finds in those that are kept there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from places import RECIPE

MISSING = "the recipe's requirements are not installed: pip install -r models/tiny/requirements.txt"
torch = pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("gguf", reason=MISSING)
sys.path.append(str(RECIPE.parents[1] / "tests" / "probe"))
tiny_train = pytest.importorskip("tiny_train")


@pytest.mark.parametrize(
    ("name", "family"),
    [("llama", "codellama"), ("qwen2", "qwen2.5-coder"), ("starcoder2", "starcoder2")],
)
def test_a_model_that_is_trained_for_a_minute_fills_in_the_middle(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    family: str,
) -> None:
    """From text to `codels models add`."""
    from codels import cli

    for each in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{each}_HOME", str(tmp_path / each))
    torch.set_num_threads(1)
    path = tiny_train.train(name, tmp_path / "some.gguf")
    with pytest.raises(SystemExit) as ended:
        cli.main(["models", "add", str(path)])
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert f"some can be used now (family {family}, order " in said.out
    assert "it fills in the middle as family" in said.err
