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


@pytest.mark.parametrize("n_bytes", [0, 1, 2, 4, 10, 500, 1000, 4338, 5676, 20_000, 40_000, 66_000, 100_000, -1])
def test_a_torn_file_is_named_and_set_aside(tmp_path: Path, n_bytes: int, capsys: pytest.CaptureFixture[str]) -> None:
    """It is none of the two that are kept, and no one is told to go on from it.

    Between about 4 and 69 kB, torch looks for the end before the start: an OSError.
    """
    for step in (1, 2):
        checkpoint.save(tmp_path, state(step, n=20_000))
    whole = (tmp_path / "ckpt-00000001.pt").read_bytes()
    (tmp_path / "ckpt-00000003.pt").write_bytes(whole[:n_bytes])
    assert checkpoint.load(tmp_path)["progress"]["step"] == 2
    assert "ckpt-00000003.pt is torn" in capsys.readouterr().err
    assert "ckpt-00000002.pt" in checkpoint.kept(tmp_path)
    checkpoint.save(tmp_path, state(4))
    assert steps(tmp_path) == ["ckpt-00000002.pt", "ckpt-00000003.torn", "ckpt-00000004.pt"]


@pytest.mark.parametrize("moment", ["open", "rename"])
def test_another_process_sets_the_torn_file_aside_at_once(
    tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(tmp_path, state(1))
    torn = tmp_path / "ckpt-00000002.pt"
    torn.write_bytes(b"PK")
    kept = getattr(Path, moment)

    def late(path: Path, *arguments: Any) -> Any:
        if path == torn and torn.exists():
            torn.replace(torn.with_suffix(".torn"))
        return kept(path, *arguments)

    monkeypatch.setattr(Path, moment, late)
    assert checkpoint.load(tmp_path)["progress"]["step"] == 1
    assert steps(tmp_path) == ["ckpt-00000001.pt", "ckpt-00000002.torn"]


def test_only_torn_files_are_no_reason_to_begin_anew(tmp_path: Path) -> None:
    assert not checkpoint.has_some(tmp_path)
    (tmp_path / "ckpt-00000001.pt").write_bytes(b"PK")
    for _ in range(2):
        with pytest.raises(SystemExit, match=r"holds no checkpoint .*remove its \*\.torn"):
            checkpoint.load(tmp_path)
        assert checkpoint.has_some(tmp_path)


def test_a_torn_file_that_was_asked_for_stays(tmp_path: Path) -> None:
    (tmp_path / "ckpt-00000001.pt").write_bytes(b"PK")
    with pytest.raises(SystemExit, match="holds no checkpoint that can be read"):
        checkpoint.load(tmp_path / "ckpt-00000001.pt")
    assert steps(tmp_path) == ["ckpt-00000001.pt"]


def test_a_file_that_does_not_fit_into_the_memory_is_not_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, state(1))

    def no_memory(*_: Any, **__: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(torch, "load", no_memory)
    with pytest.raises(SystemExit, match="does not fit into the memory"):
        checkpoint.load(tmp_path)
    assert steps(tmp_path) == ["ckpt-00000001.pt"]


def test_what_a_kill_left_behind_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "ckpt-00000001.part").write_bytes(b"half")
    checkpoint.save(tmp_path, state(2))
    assert steps(tmp_path) == ["ckpt-00000002.pt"]


@pytest.mark.parametrize("name", ["", "nothing.pt"])
def test_no_checkpoint_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(SystemExit, match=r"holds no checkpoint|does not exist: pass"):
        checkpoint.load(tmp_path / name)
