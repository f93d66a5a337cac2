"""Measured speeds: the best is kept, too little says nothing, and no file of them can do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from codels.generation import Stats
from codels.registry import speeds
from codels.registry.speeds import Speed, SpeedMeter


@pytest.fixture(autouse=True)
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(speeds, "_file", lambda: tmp_path / "cache" / "speeds.json")
    path = tmp_path / "m.gguf"
    path.write_bytes(b"123")
    return path


def stats(n_read: int, read_ms: float, n_written: int, written_ms: float, why: str = "end") -> Stats:
    return Stats(n_read + 7, 7, n_written, read_ms, written_ms, why_stopped=why)


SAVED = [
    # the answers of one session, and the speed that is remembered
    ([stats(100, 1000, 20, 400)], Speed(2, 100, 50)),
    ([stats(60, 500, 10, 100), stats(60, 500, 10, 300)], Speed(2, 120, 50)),
    ([stats(99, 1000, 20, 400)], None),
    ([stats(100, 1000, 15, 400)], None),
    ([stats(100, 0, 20, 400)], None),
    ([stats(100, 1000, 20, 400), stats(900, 1, 900, 1, "cancelled")], Speed(2, 100, 50)),
    ([], None),
]


@pytest.mark.parametrize(("answers", "speed"), SAVED, ids=range(len(SAVED)))
def test_a_session_leaves_its_speed(model: Path, answers: list[Stats], speed: Speed | None) -> None:
    meter = SpeedMeter(model, 2)
    for answer in answers:
        meter.add(answer)
    meter.save()
    assert speeds.read().get(speeds.key(model)) == speed


def test_the_best_is_kept_for_the_same_threads_and_the_same_file(model: Path) -> None:
    speeds.write(model, Speed(2, 100, 5))
    speeds.write(model, Speed(2, 10, 50))
    assert speeds.read() == {speeds.key(model): Speed(2, 100, 50)}
    speeds.write(model, Speed(1, 10, 5))
    assert speeds.read() == {speeds.key(model): Speed(1, 10, 5)}
    model.write_bytes(b"1234")
    assert speeds.key(model) not in speeds.read()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": []}', '{"a": ["x", 1, 1]}', "\xff"])
def test_a_broken_file_is_as_none(tmp_path: Path, model: Path, text: str) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "speeds.json").write_text(text, "latin-1")
    assert speeds.read() == {}
    speeds.write(model, Speed(1, 1, 1))
    assert len(speeds.read()) == 1


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path, model: Path) -> None:
    (tmp_path / "cache").write_text("a file, where a folder should be")
    speeds.write(model, Speed(1, 1, 1))
    assert speeds.read() == {}
