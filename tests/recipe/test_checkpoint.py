"""Checkpoints outlive a full disk, a kill and a torn file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

resource = pytest.importorskip("resource", reason="this system has no file size limits")
torch = pytest.importorskip("torch", reason="torch is not installed: pip install -r models/tiny/requirements.txt")
checkpoint = pytest.importorskip("checkpoint")


def state(step: int, n: int = 10) -> dict[str, Any]:
    return {"progress": {"step": step}, "model": {"weight": torch.arange(n)}}


def steps(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 20, 300):
        checkpoint.save(tmp_path, state(step))
    assert steps(tmp_path) == ["ckpt-00000020.pt", "ckpt-00000300.pt"]
    assert checkpoint.load(tmp_path)["progress"]["step"] == 300


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    """A limit on the size of files fails in the middle of a write, as a full disk does."""
    checkpoint.save(tmp_path, state(1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(SystemExit, match=r"ckpt-00000002\.pt cannot be written .*whole checkpoint is .*00000001"):
            checkpoint.save(tmp_path, state(2, n=100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert steps(tmp_path) == ["ckpt-00000001.pt"]
    assert checkpoint.load(tmp_path)["progress"]["step"] == 1


@pytest.mark.parametrize("n_bytes", [0, 1, 10, 500, 1000])
def test_a_torn_file_is_named_and_passed_over(tmp_path: Path, n_bytes: int, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint.save(tmp_path, state(1))
    whole = (tmp_path / "ckpt-00000001.pt").read_bytes()
    (tmp_path / "ckpt-00000002.pt").write_bytes(whole[:n_bytes])
    assert checkpoint.load(tmp_path)["progress"]["step"] == 1
    assert "ckpt-00000002.pt is torn" in capsys.readouterr().err


def test_what_a_kill_left_behind_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "ckpt-00000001.part").write_bytes(b"half")
    checkpoint.save(tmp_path, state(2))
    assert steps(tmp_path) == ["ckpt-00000002.pt"]


@pytest.mark.parametrize("name", ["", "nothing.pt"])
def test_no_checkpoint_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(SystemExit, match=r"holds no checkpoint|cannot be read"):
        checkpoint.load(tmp_path / name)
