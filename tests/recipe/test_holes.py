"""Where holes are cut."""

from random import Random

import pytest

import holes

TEXT = '''\
import os


def walk(root):
    """Every file below root."""
    for folder, _, names in os.walk(root):
        for name in names:
            yield os.path.join(folder, name)


class Box:
    def put(self, thing):
        self.things.append(thing)
'''
SEEDS = range(60)
FOCI = range(0, len(TEXT), 7)


@pytest.mark.parametrize("kind", holes.KINDS, ids=lambda kind: kind.__name__)
def test_a_hole_lies_in_the_text(kind: object) -> None:
    for seed in SEEDS:
        for focus in FOCI:
            hole = kind(Random(seed), TEXT, focus)  # type: ignore[operator]
            assert hole is None or 0 <= hole[0] <= hole[1] <= len(TEXT)


def test_the_rest_of_a_line_ends_before_its_end() -> None:
    for seed in SEEDS:
        start, end = holes.line_end(Random(seed), TEXT, TEXT.index("yield")) or (0, 0)
        assert TEXT[end] == "\n"
        assert TEXT[start:end] in "yield os.path.join(folder, name)"


def test_a_whole_line_begins_at_its_start_or_its_indentation() -> None:
    texts = {
        TEXT[slice(*(holes.whole_line(Random(seed), TEXT, TEXT.index("self.things")) or (0, 0)))] for seed in SEEDS
    }
    line = "self.things.append(thing)"
    assert {"        " + line, line} <= texts <= {"        " + line, line, line + "\n", "        " + line + "\n"}


def test_a_block_ends_where_its_indentation_does() -> None:
    ends = {TEXT[: hole[1]] for seed in SEEDS if (hole := holes.block(Random(seed), TEXT, TEXT.index("def walk")))}
    assert ends == {TEXT[: TEXT.index("\n\n\nclass Box")]}


def test_a_docstring_hole_is_its_text() -> None:
    for seed in SEEDS:
        start, end = holes.docstring(Random(seed), TEXT, 0) or (0, 0)
        assert "Every file below root.".endswith(TEXT[start:end])
        assert TEXT[end : end + 3] == '"""'


def test_the_same_seed_gives_the_same_hole() -> None:
    assert [holes.draw(Random(s), TEXT, 50) for s in SEEDS] == [holes.draw(Random(s), TEXT, 50) for s in SEEDS]


@pytest.mark.parametrize("text", ["", "\n\n\n", "   ", "x", "\t\tx = 1", "日本 = 1\n"])
def test_odd_texts_have_holes_as_well(text: str) -> None:
    for seed in SEEDS:
        start, end = holes.draw(Random(seed), text, len(text) // 2)
        assert 0 <= start <= end <= len(text)


@pytest.mark.parametrize(
    ("before", "kept"),
    [("some_ta", "some"), ("x = so", "x ="), ("self.", "self"), ("x12", "x"), ("", ""), ("if x:\n    ", "if x:\n")],
)
def test_healed(before: str, kept: str) -> None:
    assert before[: holes.healed(before + "rest", len(before))] == kept
