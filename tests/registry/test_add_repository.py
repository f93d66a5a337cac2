"""`codels models add REPO` against a hub on loopback: chosen, pulled, looked at, and known by a card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hub import COMMIT, Fault, Handler, Hub, cut, refuse

from codels.commands.add import add
from codels.commands.models import info
from codels.commands.remove import remove
from codels.core import Skill
from codels.errors import CodelsError, DownloadError, ModelError, UserError
from codels.prompt import Order
from codels.registry import mycards, store

BUILT_IN = store.find("codels-tiny")
GGUF = store.locate(BUILT_IN).read_bytes()

SEVERAL = {
    "README.md": b"r",
    "m-Q4_K_M.gguf": b"4" * 2_000_000,
    "m-Q8_0.gguf": b"8" * 4_000_000,
    "mmproj-F16.gguf": b"p",
}


def said_by(error: pytest.ExceptionInfo[CodelsError]) -> str:
    return str(error.value)


@pytest.mark.model
def test_a_repository_becomes_a_model(hub: Hub, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.files = {"README.md": b"read", "sub/tiny.Q8_0.gguf": GGUF}
    hub.license = "mit"
    assert add("o/m-GGUF", "", is_offline=False, is_json=True) == 0
    said = capsys.readouterr()
    place = models.parent / "cards" / "m.toml"
    assert json.loads(said.out) == {"id": "m", "family": "codels", "order": "spm", "card": str(place)}
    card = store.find("m")
    (file,) = card.files
    assert (card.family, card.order, card.skills, card.license) == ("codels", Order.SPM, {Skill.FIM}, "mit")
    assert (file.repo, file.path, file.revision) == ("o/m-GGUF", "sub/tiny.Q8_0.gguf", COMMIT)
    assert (file.size, file.sha256, file.quantisation) == (len(GGUF), BUILT_IN.files[0].sha256, "Q8_0")
    assert store.locate(card) == models / "m" / "sub" / "tiny.Q8_0.gguf"
    assert store.verify(card)
    assert info("m", is_json=False) == 0
    assert "yes, it reads both sides of the caret" in capsys.readouterr().out
    # once more changes nothing, and fetches nothing
    assert add("o/m-GGUF:q8_0", "", is_offline=False, is_json=False) == 0
    assert len(hub.ranges) == 1
    assert store.find("m") == card


@pytest.mark.model
def test_what_cannot_be_probed_leaves_a_card_that_says_prefix_only(hub: Hub, models: Path) -> None:
    hub.files = {"m.gguf": b"GGUF" + b"x" * 1000}
    with pytest.raises(ModelError, match=r"mine could not be probed, so its card .*mine.toml says prefix-only: .*"):
        add("o/m", "mine", is_offline=False, is_json=False)
    card = store.find("mine")
    assert (card.family, card.skills) == ("plain", {Skill.PREFIX})
    assert store.locate(card) == models / "mine" / "m.gguf"


def strange(handler: Handler) -> bool:
    """A proxy's page."""
    handler.head(200, Content_Length=6, Content_Type="text/html")
    return bool(handler.wfile.write(b"<html>"))


REFUSED: list[tuple[str, dict[str, bytes], list[Fault], str]] = [
    # what is added, what the repository has, how it answers, words of the sentence
    ("o/m", SEVERAL, [], "o/m has several models; there are: Q4_K_M (2.0 MB), Q8_0 (4.0 MB); choose one: "),
    ("o/m:Q5_0", SEVERAL, [], "o/m has no 'Q5_0'; there are: Q4_K_M (2.0 MB), Q8_0 (4.0 MB); choose one: "),
    ("o/m", {"README.md": b"r", "model.safetensors": b"s"}, [], "o/m has no .gguf file: look for a repository"),
    ("o/m", {"m-00001-of-00002.gguf": b"1"}, [], "has not all parts of a model: m-00002-of-00002.gguf is missing"),
    ("o/m", {}, [refuse(401, X_Error_Code="GatedRepo")], "o/m is gated: accept its terms at {hub}/o/m, then log in"),
    ("o/m", {}, [refuse(403, X_Error_Code="GatedRepo")], "o/m is gated: accept its terms at {hub}/o/m, then log in"),
    ("o/m", {}, [refuse(401)], "{hub} does not accept your token: log in with `hf auth login`, or set HF_TOKEN"),
    ("o/m", {}, [refuse(403)], "your token may not read o/m"),
    ("o/m", {}, [refuse(404, X_Error_Code="RepoNotFound")], "{hub} has no repository o/m, or not for you: check"),
    ("{hub}/o/m/tree/nope", {}, [refuse(404, X_Error_Code="RevisionNotFound")], "o/m has no revision nope: check the"),
    ("o/m", {}, [refuse(429, Retry_After="3600")], "{hub} was asked too often: try again in 3600 s"),
    ("o/m", {}, [refuse(503)] * 6, "{hub} answered for the list of files of o/m"),
    ("o/m", {}, [strange], "{hub} does not answer as the hub does (no list of files): check HF_ENDPOINT and the proxy"),
    ("o/m", {"../../m.gguf": b"x"}, [], "path must lie inside the repository, not '../../m.gguf'"),
    (
        "x.gguf",
        {},
        [],
        "no folder of a model, and no repository of the hub such as owner/name or owner/name:Q4_K_M",
    ),
    ("a/b/c", {}, [], "'a/b/c' is no file, no folder of a model, and no repository of the hub"),
]


@pytest.mark.parametrize(("name", "files", "lists", "words"), REFUSED, ids=range(len(REFUSED)))
def test_a_refusal_is_a_sentence_and_leaves_nothing(
    hub: Hub, models: Path, name: str, files: dict[str, bytes], lists: list[Fault], words: str
) -> None:
    hub.files, hub.lists = files, list(lists)
    with pytest.raises(CodelsError) as error:
        add(name.format(hub=hub.address), "", is_offline=False, is_json=False)
    assert words.format(hub=hub.address) in said_by(error)
    assert "\n" not in said_by(error)
    assert (models.exists(), (models.parent / "cards").exists(), hub.ranges) == (False, False, [])


def test_offline_asks_nobody(hub: Hub) -> None:
    with pytest.raises(DownloadError, match=r"nothing is fetched offline: the .gguf files of o/m on the hub would be"):
        add("o/m", "", is_offline=True, is_json=False)
    assert hub.seen == []


def test_a_busy_hub_is_waited_for(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.files, hub.lists = SEVERAL, [refuse(503), refuse(429, Retry_After="0")]
    with pytest.raises(UserError, match="has several models"):
        add("o/m", "", is_offline=False, is_json=False)
    assert capsys.readouterr().err.count("another try in 0 s") == 2


def test_a_pull_that_ends_early_goes_on_and_one_that_never_began_leaves_no_card(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.files, hub.heads = SEVERAL, [refuse(403)]
    with pytest.raises(DownloadError):
        add("o/m:Q4_K_M", "", is_offline=False, is_json=False)
    assert mycards.written("m") is None
    hub.faults = [cut(1000)] + [cut(0)] * 6
    with pytest.raises(DownloadError, match="is cut again and again"):
        add("o/m:Q4_K_M", "", is_offline=False, is_json=False)
    assert "codels: `codels models pull m` goes on from there\n" in capsys.readouterr().err
    assert mycards.written("m") is not None


def test_all_parts_of_a_model_are_fetched(hub: Hub, models: Path) -> None:
    names = [f"Q8_0/m-Q8_0-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    hub.files = {name: b"GGUF" + name.encode() for name in reversed(names)} | {"m-Q4_0.gguf": b"4"}
    with pytest.raises(ModelError, match="could not be probed"):
        add(f"{hub.address}/o/m/blob/main/{names[1]}", "", is_offline=False, is_json=False)
    assert [file.path for file in store.find("m").files] == names
    assert store.locate(store.find("m")) == models / "m" / names[0]
    assert [(models / "m" / name).read_bytes() for name in names] == [hub.files[name] for name in names]


def test_another_quantisation_joins_the_first_one(hub: Hub) -> None:
    hub.files = SEVERAL
    for choice in ("Q4_K_M", "Q8_0"):
        with pytest.raises(ModelError, match="could not be probed"):
            add(f"o/m:{choice}", "", is_offline=False, is_json=False)
    assert store.find("m").quantisations == ("Q8_0", "Q4_K_M")


def test_a_model_of_that_name_from_elsewhere_stays(hub: Hub) -> None:
    hub.files = {"m.gguf": b"GGUF"}
    with pytest.raises(UserError, match="there is a model codels-tiny already: choose another name with --id"):
        add("o/m", "codels-tiny", is_offline=False, is_json=False)
    mycards.write("m", {"backend": "llama.cpp"}, store.find("codels-tiny").files)
    with pytest.raises(UserError, match="there is a model m already"):
        add("o/m", "", is_offline=False, is_json=False)


def test_rm_takes_the_card_that_add_wrote(hub: Hub, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.files = SEVERAL
    for choice in ("Q4_K_M", "Q8_0"):
        with pytest.raises(ModelError):
            add(f"o/m:{choice}", "", is_offline=False, is_json=False)
    capsys.readouterr()
    place = models.parent / "cards" / "m.toml"
    assert remove("m:Q4_K_M", is_json=True) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["card"], [Path(path).name for path in row["removed"]]) == ("", ["m-Q4_K_M.gguf"])
    assert place.exists()
    assert remove("m", is_json=False) == 0
    card = f"its card {place}, which `codels models add` wrote, is removed"
    assert capsys.readouterr().out == f"removed {models / 'm' / 'm-Q8_0.gguf'}: 4.0 MB; {card}\n"
    assert not place.exists()


def test_rm_leaves_a_file_that_lies_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "elsewhere.gguf"
    file.write_bytes(b"GGUF")
    place = mycards.write("mine", {"backend": "llama.cpp"}, store.find(str(file)).files)
    assert remove("mine", is_json=False) == 0
    assert capsys.readouterr().out == (f"{file} stays; its card {place}, which `codels models add` wrote, is removed\n")
    assert (file.exists(), place.exists()) == (True, False)


def test_rm_leaves_a_card_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.gguf"
    file.write_bytes(b"GGUF")
    place = mycards.write("mine", {"backend": "llama.cpp"}, store.find(str(file)).files)
    place.write_text(place.read_text("utf-8").removeprefix(mycards.MARK), "utf-8")
    with pytest.raises(UserError, match=r"mine was not pulled, so .*elsewhere.gguf stays"):
        remove("mine", is_json=False)
    assert place.exists()
    with pytest.raises(UserError, match="exists, but its card is broken or another model's"):
        mycards.write("mine", {"backend": "fake"}, store.find(str(file)).files)
