"""Pulls against a hub on loopback: what comes is whole and right, whatever happens on the way."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hub import COMMIT, SIZE, Cards, Fault, Handler, Hub, cut, fetch, ignore_range, part, refuse, too_much, wrong_range

from codels.errors import DownloadError
from codels.registry import pins, store


def test_a_pull_is_whole_pinned_and_done_once(hub: Hub, card: Cards, models: Path) -> None:
    told: list[str] = []
    path = fetch(card(), told)
    assert path == models / "m" / "sub" / "m.gguf"
    assert path.read_bytes() == hub.data
    assert pins.read(path) == pins.Pin("o/m", COMMIT, SIZE, hub.sha256)
    assert store.verify(card())
    assert [method for method, *_ in hub.seen] == ["HEAD", "GET"]
    assert fetch(card()) == path
    assert len(hub.seen) == 2
    assert (told, list(models.rglob("*.part"))) == ([], [])


@pytest.mark.parametrize(("etag", "source"), [("", "the hub reports"), ("git", "came"), ("other-than-a-hash", "came")])
def test_a_file_without_a_hash_is_pinned_and_that_is_said(hub: Hub, card: Cards, etag: str, source: str) -> None:
    git = hashlib.sha1(b"blob %d\0" % SIZE + hub.data, usedforsecurity=False).hexdigest()
    hub.etag = git if etag == "git" else etag
    told: list[str] = []
    path = fetch(card(sha256="", size=0), told)
    assert told == [f"the card has no hash of sub/m.gguf; it is pinned to what {source}: sha256 {hub.sha256}"]
    assert pins.read(path) == pins.Pin("o/m", COMMIT, SIZE, hub.sha256)
    path.unlink()
    hub.data = hub.data[::-1]
    hub.etag = ""
    with pytest.raises(DownloadError, match="is not the file that the card describes"):
        fetch(card(sha256="", size=0))


GOES_ON: list[tuple[list[Fault], list[str]]] = [
    # what goes wrong with each request for bytes, and the ranges that were asked for
    ([cut(1_000_000)], ["", "bytes=1000000-"]),
    ([cut(1_000_000), cut(500_000), cut(0)], ["", "bytes=1000000-", "bytes=1500000-", "bytes=1500000-"]),
    ([cut(1_000_000), ignore_range], ["", "bytes=1000000-"]),
    ([cut(1_000_000), wrong_range], ["", "bytes=1000000-", ""]),
    ([cut(1_000_000), refuse(416)], ["", "bytes=1000000-", ""]),
    ([too_much], ["", ""]),
    ([refuse(503), refuse(500), refuse(408)], ["", "", "", ""]),
    ([refuse(429, Retry_After="0"), refuse(429)], ["", "", ""]),
    ([cut(9)] * 9, ["", *(f"bytes={9 * n}-" for n in range(1, 10))]),
]


@pytest.mark.parametrize(("faults", "ranges"), GOES_ON, ids=range(len(GOES_ON)))
def test_what_passes_is_waited_for(hub: Hub, card: Cards, faults: list[Fault], ranges: list[str]) -> None:
    hub.faults = list(faults)
    assert fetch(card()).read_bytes() == hub.data
    assert hub.ranges == ranges


def test_a_busy_hub_is_waited_for_before_the_first_byte(hub: Hub, card: Cards) -> None:
    hub.heads = [refuse(503), refuse(429, Retry_After="0")]
    told: list[str] = []
    assert fetch(card(), told).read_bytes() == hub.data
    assert [line.endswith("another try in 0 s") for line in told] == [True, True]


def test_the_token_goes_to_the_hub_and_not_to_the_host_of_the_bytes(
    hub: Hub, card: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    tokens: list[str] = []

    def look(handler: Handler) -> bool:
        tokens.append(handler.headers.get("Authorization", ""))
        return False

    hub.heads, hub.faults = [look], [look]
    fetch(card())
    assert tokens == ["Bearer hf_secret", ""]


def test_bytes_with_another_hash_are_not_kept(hub: Hub, card: Cards, models: Path) -> None:
    good = hub.data
    model = card()
    hub.etag = hub.sha256
    hub.data = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(DownloadError, match="came damaged, and nothing of it is kept: it has the sha256"):
        fetch(model)
    assert part(models).stat().st_size == 0
    assert list(models.rglob("*.gguf")) == []
    hub.data = good
    assert fetch(model).read_bytes() == good


def test_a_damaged_file_is_pulled_again(hub: Hub, card: Cards) -> None:
    path = fetch(card())
    path.write_bytes(b"short")
    assert fetch(card()).read_bytes() == hub.data


def test_a_file_that_somebody_put_there_is_taken(hub: Hub, card: Cards, models: Path) -> None:
    path = models / "m" / "sub" / "m.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(hub.data)
    assert fetch(card()) == path
    assert hub.seen == []


def test_what_other_programs_have_in_their_cache_is_not_fetched_again(hub: Hub, card: Cards, tmp_path: Path) -> None:
    cached = tmp_path / "cache" / "models--o--m" / "snapshots" / COMMIT / "sub" / "m.gguf"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(hub.data)
    assert fetch(card()).read_bytes() == hub.data
    assert hub.ranges == []
