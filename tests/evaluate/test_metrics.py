"""Scores against values worked out by hand or by a slower way."""

from __future__ import annotations

import math
import random

import pytest

from codels.evaluate import metrics

SIMILAR = [
    ("", "", 100.0),
    ("abc", "", 0.0),
    ("", "abc", 0.0),
    ("abc", "abc", 100.0),
    ("abc", "xyz", 0.0),
    ("abcd", "abxd", 75.0),
    ("self.x", "self.y", 100 * 10 / 12),
    ("return x", "x", 200 / 9),
    ("😀é", "é😀", 50.0),
]


@pytest.mark.parametrize(("a", "b", "expected"), SIMILAR)
def test_similarity(a: str, b: str, expected: float) -> None:
    assert metrics.similarity(a, b) == pytest.approx(expected)
    assert metrics.similarity(b, a) == pytest.approx(expected)


def test_similarity_is_that_of_the_longest_common_subsequence() -> None:
    rng = random.Random(0)
    for _ in range(200):
        a, b = ("".join(rng.choices("abc (", k=rng.randrange(1, 90))) for _ in range(2))
        assert metrics.similarity(a, b) == pytest.approx(200 * common(a, b) / (len(a) + len(b)))


def common(a: str, b: str) -> int:
    row = [0] * (len(b) + 1)
    for x in a:
        new = [0]
        for j, y in enumerate(b):
            new.append(row[j] + 1 if x == y else max(row[j + 1], new[-1]))
        row = new
    return row[-1]


BLEU = [
    # answer, reference, BLEU worked out by hand
    ("Return the size.", "Return the size.", 100.0),
    ("return THE size .", "Return the size.", 100.0),
    ("Return", "Return", 100.0),
    ("", "Return the size.", 0.0),
    ("nothing alike", "Return the size.", 0.0),
    ("a b c d", "a b c e", 100 * (3 / 4 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25),
    ("a b", "a b c d", 100 * (1 * 1 * 1 * 1) ** 0.25 * math.exp(1 - 5 / 3)),
    ("a a a a", "a b", 100 * (1 / 4 * 1 / 4 * 1 / 3 * 1 / 2) ** 0.25),
]


@pytest.mark.parametrize(("answer", "reference", "expected"), BLEU)
def test_bleu(answer: str, reference: str, expected: float) -> None:
    assert metrics.bleu(answer, reference) == pytest.approx(expected)


WORDS = [
    ("Don't stop.", ["don't", "stop", "."]),
    ("f(x, y)", ["f", "(", "x", ",", "y", ")"]),
    ("3.14 and 1,000", ["3.14", "and", "1,000"]),
    ("v1-2 x-y", ["v1", "-", "2", "x-y"]),
    ("a &lt; b &amp;", ["a", "<", "b", "&"]),
    ("well-\nknown\nname", ["wellknown", "name"]),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_words_of_mteval(text: str, words: list[str]) -> None:
    assert metrics._words(text) == words


def test_an_interval_holds_the_mean_and_narrows_with_n() -> None:
    few, many = [0.0, 100.0] * 10, [0.0, 100.0] * 200
    wide, narrow = metrics.interval(few, 0), metrics.interval(many, 0)
    assert wide[0] < narrow[0] < 50 < narrow[1] < wide[1]
    assert narrow == metrics.interval(many, 0)
    assert narrow[1] - narrow[0] == pytest.approx(2 * 1.96 * 50 / 20, rel=0.15)


def test_a_paired_interval_of_equal_values_is_nothing_wide() -> None:
    assert metrics.interval([3.0] * 30, 0) == (3.0, 3.0)
    assert all(math.isnan(edge) for edge in metrics.interval([], 0))


def test_percentiles() -> None:
    assert metrics.percentile([float(n) for n in range(101)], 95) == 95
    assert metrics.percentile([7.0], 50) == 7
    assert math.isnan(metrics.percentile([], 50))


BLOCKS = [
    ("a\n    b", "    ", "a\n    b", "    ", True),
    ("a\n    b\n\n", "    ", "a\n    b", "    ", True),
    ("a  \n    b", "    ", "a\n    b", "    ", True),
    ("a\n        b", "    ", "a\n    b", "    ", False),
    ("a\r\n\tb", "\t", "a\n\tb", "\t", True),
]


@pytest.mark.parametrize(("a", "indent_a", "b", "indent_b", "is_same"), BLOCKS)
def test_blocks_are_the_same_by_what_they_say(a: str, indent_a: str, b: str, indent_b: str, is_same: bool) -> None:
    assert (metrics.block(a, indent_a) == metrics.block(b, indent_b)) is is_same
