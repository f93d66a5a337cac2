"""What cannot be pulled: nothing is there then, and a sentence says why and what helps."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import hub as hubs
import pytest
from hub import Cards, Fault, Hub, cut, fetch, refuse, too_much

from codels.errors import DownloadError, UserError
from codels.registry import partial
from codels.registry.card import ModelCard, ModelFile

REFUSED: list[tuple[list[Fault], list[Fault], str]] = [
    # what the hub answers about the file, and for its bytes; words of the sentence
    ([refuse(401, X_Error_Code="GatedRepo")], [], "o/m is gated: accept its terms at {hub}/o/m, then log in with"),
    ([refuse(403, X_Error_Code="GatedRepo")], [], "o/m is gated: accept its terms"),
    ([refuse(401, X_Error_Code="RepoNotFound")], [], "{hub} has no repository o/m, or not for you"),
    ([refuse(401)], [], "{hub} does not accept your token: log in with `hf auth login`, or set HF_TOKEN"),
    ([refuse(403)], [], "your token may not read o/m"),
    ([refuse(404, X_Error_Code="EntryNotFound")], [], "o/m has no file sub/m.gguf at revision main: correct the card"),
    ([refuse(404, X_Error_Code="RevisionNotFound")], [], "o/m has no revision main: correct the card"),
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


def test_nobody_listening_is_a_sentence(hub: Hub, card: Cards, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubs.serving(b"") as gone:
        template = gone.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", gone.address)
    with pytest.raises(DownloadError, match="cannot be reached: check the connection, HTTPS_PROXY and HF_ENDPOINT"):
        fetch(card())
    assert hub.seen == []


@pytest.mark.parametrize("fields", [{"sha256": "0" * 64}, {"size": 5}])
def test_a_hub_that_has_another_file_is_told_before_it_is_fetched(
    hub: Hub, card: Cards, fields: dict[str, object]
) -> None:
    with pytest.raises(DownloadError, match="is not the file that the card describes"):
        fetch(card(**fields))
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
