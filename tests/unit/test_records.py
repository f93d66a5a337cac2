"""Small files of ours: what may be in them, and that half a file is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from codels import records

BROKEN = ["", "{", '{"a": ', "\xff", "[" * 100_000, "1" * (records.MAX_BYTES + 1)]


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: f"{text[:6]}…{len(text)}")
def test_what_is_no_record_is_a_value_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text, "latin-1")
    with pytest.raises(ValueError, match=r"\S"):
        records.load(tmp_path / "r.json")


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    place = tmp_path / "new" / "folder" / "r.json"
    for value in ({"a": [1, None]}, {"b": "ä"}):
        records.save(place, value)
        assert records.load(place) == value
    assert [path.name for path in place.parent.iterdir()] == ["r.json"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "r.json").mkdir()
    with pytest.raises(OSError, match=r"r\.json"):
        records.save(tmp_path / "r.json", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
