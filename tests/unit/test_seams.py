"""Where text that looks like a marker is cut: behind the signs it begins with."""

import pytest

from codels.prompt.families import FAMILIES
from codels.seams import seams

MARKERS = ("<|EOT|>", "<fim_prefix>", "▁<PRE>", "[SUFFIX]", "</s>", "eom", "☺")

CUT = [
    ("a <|EOT|> b", ["a <|", "EOT|> b"]),
    ("<|EOT|><|EOT|>", ["<|", "EOT|><|", "EOT|>"]),
    ("<fim_prefix><fim_prefix", ["<", "fim_prefix><fim_prefix"]),
    ("▁<PRE>", ["▁<", "PRE>"]),
    ("[SUFFIX]", ["[", "SUFFIX]"]),
    ("</s>", ["</", "s>"]),
    ("geometry", ["ge", "ometry"]),
    ("☺ a < b", ["☺ a < b"]),
    ("", [""]),
]


@pytest.mark.parametrize(("text", "pieces"), CUT)
def test_text_is_cut(text: str, pieces: list[str]) -> None:
    assert seams(MARKERS).split(text) == pieces


def test_without_markers_nothing_is_cut() -> None:
    assert seams(()).split("<|EOT|>") == ["<|EOT|>"]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_no_piece_holds_a_marker(family: object) -> None:
    markers = family.all_markers  # type: ignore[attr-defined]
    text = "".join(f"{marker}{marker} {marker}" for marker in markers)
    pieces = seams(markers).split(text)
    assert "".join(pieces) == text
    assert [piece for piece in pieces for marker in markers if marker in piece] == []
