"""A corpus from a pinned list, with pip fetching from a folder in place of a registry."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest
from wheels import code, write_wheel

import sources

collect = pytest.importorskip("collect", reason="tqdm is not installed: pip install -r models/tiny/requirements.txt")

PINS = """name\tversion\tsha256\tsplit
good\t1.0\t{good}\ttrain
held\t1.0\t{held}\ttest
copyleft\t1.0\t{copyleft}\ttrain
changed\t1.0\t{zeros}\ttrain
vanished\t1.0\t{zeros}\ttrain
"""


@pytest.fixture
def pin_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five packages, of which one changed and one vanished; a standard library of one file."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    files = {"good/a.py": code(1), "good/same.py": code(1), "good/like_held.py": code(2) + "x = 1\n", "good/b.py": "x"}
    hashes = {
        "good": write_wheel(wheels, "good", "MIT", files),
        "held": write_wheel(wheels, "held", "MIT", {"held/a.py": code(2)}),
        "copyleft": write_wheel(wheels, "copyleft", "MIT AND LGPL-3.0-only", {"a.py": code(3)}),
    }
    write_wheel(wheels, "changed", "MIT", {"a.py": code(4)})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setattr(sources, "of_stdlib", lambda: iter([sources.Source("std.py", code(5).encode())]))
    path = tmp_path / "pins.tsv"
    path.write_text(PINS.format(**hashes, zeros="0" * 64))
    return path


def files_of(shard: Path) -> list[tuple[str, str]]:
    with lzma.open(shard, "rt") as lines:
        return [(row["p"], row["f"]) for row in map(json.loads, lines)]


def test_what_cannot_be_had_is_named_and_the_rest_goes_on(
    pin_list: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "corpus"
    collect.collect(pin_list, out)
    assert files_of(out / "train.jsonl.xz") == [("cpython-stdlib", "std.py"), ("good", "good/a.py")]
    assert files_of(out / "test.jsonl.xz") == [("held", "held/a.py")]
    report = json.loads((out / "report.json").read_text())
    assert report["dropped_files"] == {"tiny": 1, "duplicate": 1, "near duplicate": 1}
    assert report["left_out_packages"] == {
        "copyleft": "licence copyleft",
        "changed": "its file has changed (another sha256)",
        "vanished": "it has vanished from the registry",
    }
    rows = [line.split("\t") for line in (out / "MANIFEST.tsv").read_text().splitlines()]
    assert [row[:5] for row in rows[1:3]] == [
        ["cpython-stdlib", sources.stdlib_version(), "PSF-2.0", "train", "1"],
        ["good", "1.0", "MIT", "train", "1"],
    ]
    before = (out / "MANIFEST.tsv").read_text()
    monkeypatch.setattr(collect.registry, "fetched", fetch_nothing)
    collect.collect(pin_list, out)  # what was done is not done again
    assert (out / "MANIFEST.tsv").read_text().count("another reason") == 2
    assert (out / "MANIFEST.tsv").read_text().splitlines()[:5] == before.splitlines()[:5]


def fetch_nothing(_pin: object) -> None:
    raise collect.Unavailable("another reason")


def test_a_package_with_many_tests_keeps_a_share_of_them() -> None:
    package = collect.Package(collect.Pin("a", "1", "0" * 64, "train"))
    big = [(f"tests/test_{n}.py", code(n) + "#" * 90_000) for n in range(9)]
    kept = [path for path, _ in collect.kept([*big, ("a.py", code(99))], package, collect.Seen())]
    assert kept == ["a.py", "tests/test_0.py", "tests/test_1.py"]
    assert package.dropped == {"beyond the tests' share": 7}


def test_a_package_ends_at_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "MAX_PACKAGE_BYTES", 2 * len(code(1)))
    package = collect.Package(collect.Pin("a", "1", "0" * 64, "train"))
    kept = [path for path, _ in collect.kept([(f"{n}.py", code(n)) for n in range(4)], package, collect.Seen())]
    assert kept == ["0.py", "1.py"]


def test_a_registry_that_does_not_answer_ends_the_run(
    pin_list: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no reason to say that packages have vanished, and shards of an earlier run stay."""
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    for name, value in {"INDEX_URL": "http://127.0.0.1:9/simple", "RETRIES": "1", "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    pin_list.write_text("".join(pin_list.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(SystemExit, match=r"none of the 1 packages .* most since the registry cannot be reached"):
        collect.collect(pin_list, tmp_path / "corpus")
    assert not list((tmp_path / "corpus").glob("*.jsonl.xz"))
