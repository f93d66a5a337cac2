"""Pulls against a hub on loopback: what comes is whole and right, or nothing is there and a sentence says why."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import hub as hubs
import pytest
from hub import COMMIT, SIZE, Cards, Handler, Hub, cut, ignore_range, refuse, too_much, wrong_range

from codels.cancel import CancelToken
from codels.errors import DownloadError, Stopped, UserError
from codels.registry import partial, pins, store
from codels.registry.card import ModelCard, ModelFile
from codels.registry.progress import Progress
from codels.registry.pull import Talk, pull

Fault = Callable[[Handler], bool]


def fetch(model: ModelCard, told: list[str] | None = None, is_offline: bool = False) -> Path:
    said = [] if told is None else told
    return pull(model, Talk(said.append, lambda _progress: None), CancelToken(), is_offline)


def part(models: Path) -> Path:
    (found,) = models.rglob("*.part")
    return found


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


REFUSED: list[tuple[list[Fault], list[Fault], str]] = [
    # what the hub answers about the file, and for its bytes; words of the sentence
    ([refuse(401, X_Error_Code="GatedRepo")], [], "o/m is gated: accept its terms at {hub}/o/m, then log in with"),
    ([refuse(403, X_Error_Code="GatedRepo")], [], "o/m is gated: accept its terms"),
    ([refuse(401, X_Error_Code="RepoNotFound")], [], "{hub} has no repository o/m, or not for you"),
    ([refuse(401)], [], "{hub} does not accept your token: log in with `hf auth login`, or set HF_TOKEN"),
    ([refuse(403)], [], "your token may not read o/m"),
    ([refuse(404, X_Error_Code="EntryNotFound")], [], "o/m has no file sub/m.gguf at revision main: correct the card"),
    ([refuse(404, X_Error_Code="RevisionNotFound")], [], "o/m has no revision main: correct it in the card"),
    ([refuse(404)], [], "{hub} has no file sub/m.gguf of o/m"),
    ([refuse(429, Retry_After="3600")], [], "{hub} was asked too often: try again in 3600 s"),
    ([refuse(429, Retry_After="Thu, 01 Jan 2099 00:00:00 GMT")], [], "was asked too often: try again in"),
    ([], [refuse(429, Retry_After="3600")], "{hub} was asked too often: try again in 3600 s"),
    ([refuse(503)] * 6, [], "{hub} answered for sub/m.gguf of o/m: Server error '503 Service Unavailable'"),
    ([refuse(200)], [], "{hub} does not answer as the hub does"),
    ([], [refuse(403)], "your token may not read o/m"),
    ([], [cut(0)] * 6, "the connection to {hub} is cut again and again: try again later"),
    ([], [too_much] * 6, "more bytes came than the file has"),
]


@pytest.mark.parametrize(("heads", "faults", "words"), REFUSED, ids=range(len(REFUSED)))
def test_a_refusal_is_a_sentence_with_the_remedy(
    hub: Hub, card: Cards, models: Path, heads: list[Fault], faults: list[Fault], words: str
) -> None:
    hub.heads, hub.faults = list(heads), list(faults)
    with pytest.raises(DownloadError) as error:
        fetch(card())
    assert words.format(hub=hub.address) in str(error.value)
    assert "\n" not in str(error.value)
    assert list(models.rglob("*.gguf")) == []


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


def test_nobody_listening_is_a_sentence(hub: Hub, card: Cards, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubs.serving(b"") as gone:
        template = gone.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", gone.address)
    with pytest.raises(DownloadError, match="cannot be reached: check the connection, HTTPS_PROXY and HF_ENDPOINT"):
        fetch(card())
    assert hub.seen == []


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


@pytest.mark.parametrize("fields", [{"sha256": "0" * 64}, {"size": 5}])
def test_a_hub_that_has_another_file_is_told_before_it_is_fetched(
    hub: Hub, card: Cards, fields: dict[str, object]
) -> None:
    with pytest.raises(DownloadError, match="is not the file that the card describes"):
        fetch(card(**fields))
    assert hub.ranges == []


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


def test_offline_says_what_would_be_needed(hub: Hub, card: Cards, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DownloadError) as error:
        fetch(card(), is_offline=True)
    assert str(error.value) == (
        "codels.offline is set, so nothing is fetched: sub/m.gguf of o/m on the hub would be needed, 3.0 MB"
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match=r"HF_HUB_OFFLINE is set, and sub/m.gguf of o/m would be needed"):
        fetch(card())
    assert hub.seen == []


def test_a_full_disk_is_told_before_the_first_byte(hub: Hub, card: Cards, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")(2_000_000)
    monkeypatch.setattr(partial.shutil, "disk_usage", lambda _folder: usage)
    with pytest.raises(DownloadError, match=r"3.0 MB are needed in .* and 2.0 MB are free: make room"):
        fetch(card())
    assert hub.ranges == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_disk_that_fills_up_is_told(hub: Hub, card: Cards, models: Path) -> None:
    folder = models / "m" / "sub"
    folder.mkdir(parents=True)
    (folder / f"m.gguf.{hub.sha256[:16]}.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"the disk is full: make room for .* and pull again, which goes on"):
        fetch(card())
    assert list(models.rglob("*.gguf")) == []


def test_a_folder_that_cannot_be_written_is_told(card: Cards, models: Path) -> None:
    models.write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match="cannot be written: "):
        fetch(card())


def test_a_model_of_this_machine_cannot_be_pulled() -> None:
    with pytest.raises(UserError, match="m is not on the hub: there is nothing to pull"):
        fetch(ModelCard("m", "llama.cpp", (ModelFile("/m.gguf"),)))


def test_a_stop_keeps_what_came(hub: Hub, card: Cards, models: Path) -> None:
    cancel = CancelToken()
    seen: list[Progress] = []

    def report(progress: Progress) -> None:
        seen.append(progress)
        cancel.cancel()

    with pytest.raises(Stopped, match="what has come is kept, and the next pull goes on from there"):
        pull(card(), Talk(print, report), cancel, is_offline=False)
    kept = part(models).stat().st_size
    assert 0 < kept == seen[0].done_bytes < seen[0].total_bytes == SIZE
    assert fetch(card()).read_bytes() == hub.data
    assert hub.ranges == ["", f"bytes={kept}-"]


def test_two_pulls_at_once_fetch_once(hub: Hub, card: Cards) -> None:
    is_waited_for, told = threading.Event(), []

    def wait(handler: Handler) -> bool:
        return not is_waited_for.wait(60) or handler.answer(503)

    def tell(sentence: str) -> None:
        told.append(sentence)
        is_waited_for.set()

    hub.heads = [wait]
    first = threading.Thread(target=fetch, args=[card()])
    first.start()
    while not hub.seen:
        is_waited_for.wait(0.001)
    path = pull(card(), Talk(tell, lambda _progress: None), CancelToken(), is_offline=False)
    first.join()
    assert told == ["m.gguf is being pulled already: waiting for that"]
    assert path.read_bytes() == hub.data
    assert hub.ranges == [""]


PULL = """
import sys
from pathlib import Path
from codels.cancel import CancelToken
from codels.registry import store
from codels.registry.card import ModelCard, ModelFile
from codels.registry.pull import Talk, pull
store.models_folder = lambda: Path(sys.argv[1])
file = ModelFile("sub/m.gguf", int(sys.argv[2]), sys.argv[3], "o/m")
pull(ModelCard("m", "llama.cpp", (file,)), Talk(print, print), CancelToken(), is_offline=False)
"""


@pytest.mark.parametrize("most", [1, 700_000, 2_900_000])
def test_a_kill_costs_nothing_that_came(hub: Hub, card: Cards, models: Path, tmp_path: Path, most: int) -> None:
    """The server holds the rest back, so that the kill hits the middle of the transfer."""
    is_over = threading.Event()

    def hold(handler: Handler) -> bool:
        handler.send_rest(0, most)
        return is_over.wait(60)

    hub.faults = [hold]
    environment = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "PATH": ""}
    arguments = [sys.executable, "-c", PULL, str(models), str(SIZE), hub.sha256]
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)
    while not [path for path in models.rglob("*.part") if path.stat().st_size == most] and process.poll() is None:
        is_over.wait(0.01)
    process.kill()
    process.wait()
    is_over.set()
    assert fetch(card()).read_bytes() == hub.data
    assert hub.ranges == ["", f"bytes={most}-"]
    assert hub.n_sent == SIZE
