"""Files of a wheel, and the pinned list."""

from pathlib import Path

import pytest
from places import RECIPE
from wheels import code, write_wheel

import registry
import sources

NAMES = [
    ("pkg/mod.py", True),
    ("../mod.py", False),
    ("pkg/../../mod.py", False),
    ("/etc/mod.py", False),
    ("C:\\mod.py", False),
    ("C:/mod.py", False),
    ("..\\mod.py", False),
    ("pkg/..mod.py", True),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_names_that_lead_out_of_an_archive(name: str, expected: bool) -> None:
    assert sources.is_inside(name) is expected


def test_a_wheel_gives_its_python_files_and_no_more_than_the_cap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 9)
    files = {"b.py": code(1), "a.py": "x = 1\n", "../evil.py": code(2), "a.so": "no", "a.pyi": "no"}
    write_wheel(tmp_path, "some", "MIT", files)
    found = list(sources.of_wheel(tmp_path / "some-1.0-py3-none-any.whl"))
    assert [(source.path, len(source.content)) for source in found] == [("a.py", 6), ("b.py", 10)]


def test_the_standard_library_is_there_without_installed_packages() -> None:
    paths = {source.path for source in sources.of_stdlib()}
    assert {"json/decoder.py", "ast.py"} <= paths
    assert not any("site-packages" in path for path in paths)


def test_plain_text_is_as_the_editor_sends_it() -> None:
    assert sources.plain("\ufeffa\r\nb\rc\n") == "a\nb\nc\n"


def test_the_pinned_list_parses_and_names_every_package_once() -> None:
    pins = registry.read_pins(RECIPE / "packages.tsv")
    names = [pin.name for pin in pins]
    assert len(names) == len(set(names)) > 400
    assert {pin.split for pin in pins} == set(registry.SPLITS)
    assert {pin.name for pin in pins if pin.split == "test"} >= {"requests", "flask", "rich", "httpx", "celery"}


@pytest.mark.parametrize(
    "line", ["requests", "requests\t1.0\tabc\ttrain", f"a\t1\t{'0' * 64}\tspare", f"a b\t1\t{'0' * 64}\ttrain"]
)
def test_a_broken_line_of_the_list_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "list.tsv").write_text(f"name\tversion\tsha256\tsplit\n{line}\n")
    with pytest.raises(SystemExit, match=r"list\.tsv:2: .* is not name, version, sha256, split"):
        registry.read_pins(tmp_path / "list.tsv")
