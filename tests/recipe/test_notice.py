"""The list of packages that comes with the model."""

from pathlib import Path

import pytest
from places import RECIPE

from licences import COPYLEFT
from notice import write_notice

HEAD = "name\tversion\tlicence\tsplit\tbytes_kept\n"
ONE, TWO = "a\t1\tMIT\ttrain\t9\n", "b\t2\tBSD\ttest\t10\n"
SHIPPED = RECIPE.parents[1] / "codels" / "weights" / "NOTICE.tsv"

ROWS = [
    (HEAD + ONE + TWO, HEAD + ONE + TWO),
    (HEAD + ONE + "c\t3\tGPL\tlicence\t0\n" + TWO, HEAD + ONE + TWO),  # of which nothing was taken
    (HEAD + "a\n\t1\n\tMIT\n\ttrain\t9\n" + TWO, HEAD + ONE + TWO),  # broken over lines by a name that ends in one
    (HEAD, HEAD),
]


@pytest.mark.parametrize(("manifest", "notice"), ROWS)
def test_a_line_for_each_package_that_was_used(tmp_path: Path, manifest: str, notice: str) -> None:
    (tmp_path / "MANIFEST.tsv").write_text(manifest)
    write_notice(tmp_path / "MANIFEST.tsv", tmp_path / "NOTICE.tsv")
    assert (tmp_path / "NOTICE.tsv").read_text() == notice


def test_a_corpus_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"MANIFEST\.tsv does not exist"):
        write_notice(tmp_path / "MANIFEST.tsv", tmp_path / "NOTICE.tsv")


def test_a_manifest_that_says_no_sizes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "MANIFEST.tsv").write_text("name\tversion\n")
    with pytest.raises(SystemExit, match="no column 'bytes'"):
        write_notice(tmp_path / "MANIFEST.tsv", tmp_path / "NOTICE.tsv")


def test_the_shipped_notice_names_no_copyleft_licence_without_a_choice() -> None:
    header, *rows = (line.split("\t") for line in SHIPPED.read_text("utf-8").splitlines())
    assert header[:3] == ["name", "version", "licence"]
    assert {len(row) for row in rows} == {len(header)}
    assert [row[2] for row in rows if COPYLEFT.search(row[2]) and " OR " not in row[2]] == []
