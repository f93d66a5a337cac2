"""`codels models`: what is printed for people, and as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hub import SIZE, Cards, Hub

from codels.commands import models as commands
from codels.commands.pull import pull_model
from codels.commands.remove import remove
from codels.errors import DownloadError
from codels.registry.progress import Meter, Progress, line

CARD = """id = "m"
title = "A model"
backend = "llama.cpp"
license = "other"
license_note = "Not for rockets."
[[files]]
path = "sub/m.gguf"
repo = "o/m"
quantisation = "Q8_0"
"""


@pytest.fixture(autouse=True)
def _carded(tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "m.toml").write_text(CARD)
    (tmp_path / "cards" / "broken.toml").write_text("id = ]")


def test_a_model_is_pulled_listed_verified_and_removed(
    hub: Hub, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = models / "m" / "sub" / "m.gguf"
    assert pull_model("m:Q8_0", is_offline=False, is_json=True) == 0
    said = capsys.readouterr()
    row = json.loads(said.out)
    assert (row["id"], row["path"], len(row["notes"])) == ("m:Q8_0", str(path), 2)
    assert "codels: m:Q8_0 is under the licence other: Not for rockets.\n" in said.err
    assert f"it is pinned to what the hub reports: sha256 {hub.sha256}" in said.err

    assert commands.list_(is_json=True) == 0
    said = capsys.readouterr()
    rows = {row["id"]: row for row in json.loads(said.out)}
    assert (rows["m"]["is_here"], rows["m"]["size_bytes"], rows["m"]["quantisation"]) == (True, SIZE, "Q8_0")
    assert "broken.toml is not valid" in said.err

    assert commands.path("m", is_json=False) == 0
    assert capsys.readouterr().out == f"{path}\n"

    assert commands.verify(["m"], is_json=False) == 0
    assert capsys.readouterr().out == "✓ m: its sha256 is as it should be\n"
    path.write_bytes(hub.data[::-1])
    assert commands.verify([], is_json=True) == 1
    (bad,) = [row for row in json.loads(capsys.readouterr().out) if not row["is_good"]]
    assert bad["says"] == "its sha256 is another: `codels models rm m`, then pull it again"

    assert remove("m", is_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"id": "m", "removed": [str(path)], "freed_bytes": SIZE, "card": ""}
    assert not path.exists()
    assert remove("m", is_json=False) == 0
    assert capsys.readouterr().out == "nothing of m is there\n"


def test_a_list_and_a_card_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.list_(is_json=False) == 0
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first.split() == ["model", "size", "memory", "licence"]
    assert second.split()[:2] == ["✓", "codels-tiny"]
    assert [row.split()[0] for row in rest if "A model" in row] == ["m"]
    assert commands.info("m", is_json=False) == 0
    said = capsys.readouterr().out
    assert "license note     Not for rockets.\n" in said
    assert "quantisations    Q8_0\n" in said
    assert "\nsize " not in said
    assert commands.info("codels-tiny", is_json=False) == 0
    said = capsys.readouterr().out
    assert "is here          yes\n" in said
    assert re.search(r"^size +[0-9.]+ MB$", said, re.M)
    assert commands.info("m", is_json=True) == 0
    assert json.loads(capsys.readouterr().out)["is_here"] is False


def test_offline_fetches_nothing(hub: Hub, card: Cards) -> None:
    with pytest.raises(DownloadError, match=r"codels.offline is set, .*sub/m.gguf of o/m"):
        pull_model("m", is_offline=True, is_json=False)
    assert (hub.seen, card().id) == ([], "m")


LINES = [
    (Progress("m.gguf", 0, 2_700_000_000, 0), "m.gguf 0 %, 0.0 MB of 2.7 GB"),
    (
        Progress("m.gguf", 1_200_000_000, 2_700_000_000, 12_000_000),
        "m.gguf 44 %, 1.2 GB of 2.7 GB, 12.0 MB/s, 2:05 left",
    ),
    (Progress("m.gguf", 5_000_000, 5_000_000, 1_000_000), "m.gguf 100 %, 5.0 MB of 5.0 MB, 1.0 MB/s, 0:00 left"),
]


@pytest.mark.parametrize(("progress", "text"), LINES)
def test_a_line_of_progress(progress: Progress, text: str) -> None:
    assert line(progress) == text


METERED = [
    # the clock and the bytes at each piece, and the bytes and rates that are reported
    ([(0, 10)], [(10, 0)]),
    ([(0, 10), (0.05, 20), (0.2, 30)], [(10, 0), (30, 100)]),
    ([(0, 10), (0.05, 100)], [(10, 0), (100, 1800)]),
    ([(0, 0), (10, 50), (20, 60), (29, 69)], [(0, 0), (50, 5), (60, 1), (69, 1)]),
    ([(0, 50), (1, 10)], [(50, 0), (10, 0)]),
]


@pytest.mark.parametrize(("pieces", "reported"), METERED)
def test_a_meter(pieces: list[tuple[float, int]], reported: list[tuple[int, float]]) -> None:
    seen: list[Progress] = []
    times = iter([at for at, _ in pieces])
    meter = Meter("m", 100, seen.append, lambda: next(times))
    for _, done in pieces:
        meter.update(done)
    assert [(progress.done_bytes, round(progress.bytes_per_s, 3)) for progress in seen] == reported
