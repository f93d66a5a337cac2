"""What is copied from where, against a search that reads the text from end to end."""

import random

import numpy as np
import pytest

from codels.backends.copying import Copied, CopyModel, Lines, mix
from codels.copyweights import BUCKETS

WEIGHTS = tuple(tuple((row * 3 + column) / 100 for column in range(3)) for row in range(len(BUCKETS)))


def copied_from(text: str, said: str = "") -> Copied | None:
    ids = Lines(lambda line: [ord(char) for char in line]).join(text.split("|"))
    return CopyModel(ids, WEIGHTS, 100).copied([ord(char) for char in said])


@pytest.mark.parametrize(
    ("text", "said", "proposed", "n_match"),
    [
        ("abcab", "", {"c": 1.0}, 2),
        ("abcab", "c", {"a": 1.0}, 3),
        ("abcxbdxb", "", {"d": 1.0}, 2),
        ("bcbdb", "", {"c": 0.8 / 1.8, "d": 1 / 1.8}, 1),  # the nearer place counts more
        ("xyz", "", {}, 0),
        ("ab|a", "", {"b": 1.0}, 1),
        ("a|a", "", {}, 0),  # nothing followed it there
        ("xab|cab|ab", "", {}, 0),
        ("xabd|yabe|zab", "", {"d": 0.8 / 1.8, "e": 1 / 1.8}, 2),  # a match does not reach into another text
        ("", "", {}, 0),
        ("", "aba", {"b": 1.0}, 1),
        ("a" * 40, "", {"a": 1.0}, BUCKETS[-1]),
    ],
)
def test_what_is_proposed(text: str, said: str, proposed: dict[str, float], n_match: int) -> None:
    copied = copied_from(text, said)
    assert (
        {chr(i): pytest.approx(p) for i, p in zip(copied.ids, copied.probs, strict=True)} == proposed
        if copied
        else (not proposed)
    )
    if copied:
        row = next((row for row, longest in enumerate(BUCKETS) if n_match <= longest), len(BUCKETS) - 1)
        assert copied.weight in WEIGHTS[row]


def slowly(text: str) -> tuple[int, list[str]]:
    """The longest match of up to the last bucket's length, and what followed it at each place."""
    for n in range(BUCKETS[-1], 0, -1):
        run, places = text[-n:], range(len(text) - n)
        found = [text[at + n] for at in places if text[at : at + n] == run and len(run) == n]
        if found:
            return n, found
    return 0, []


@pytest.mark.parametrize("seed", range(200))
def test_as_a_slow_search(seed: int) -> None:
    rng = random.Random(seed)
    text = "".join(rng.choices("abc", k=rng.randrange(1, 60)))
    n_match, followers = slowly(text)
    copied = copied_from(text)
    if not n_match:
        assert copied is None
        return
    assert copied is not None
    assert [chr(i) for i in copied.ids] == sorted(set(followers))
    row = next(row for row, longest in enumerate(BUCKETS) if n_match <= longest)
    assert copied.weight == WEIGHTS[row][min(len(followers), 3) - 1]
    assert copied.probs.sum() == pytest.approx(1)


def test_a_mix_is_a_distribution() -> None:
    logits = np.array([0.0, 1.0, -np.inf, 3.0], np.float32)
    copied = copied_from("abcab")
    assert copied
    before = np.exp(logits) / np.exp(logits).sum()
    mix(logits, type(copied)(np.array([2], np.int32), np.array([1.0]), 0.25, (0, 0)))
    assert np.exp(logits) == pytest.approx(0.75 * before + [0, 0, 0.25, 0], abs=1e-6)


@pytest.mark.parametrize("text", ["a\n\n  \n b\nc", "\n\n", "x", "a\r\nb\n", ""])
def test_lines_say_the_whole_text(text: str) -> None:
    ids = Lines(lambda line: [ord(char) for char in line]).join([text])
    assert [chr(i) for i in ids[1:]] == list(text)
