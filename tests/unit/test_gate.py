"""How much of an answer is sure enough to be shown, and that a completer holds back the rest."""

import math

import pytest

from codels.gate import Eagerness, Gate, first_line, sure
from codels.generation import Step

EVEN = Gate(0.0, 1.0, 0.4, 0.25, 0.1)
"""chance = 1 / (1 + exp(-logprob)): 0.5 for a sure text, 0.38 at -0.5, 0.27 at -1, 0.12 at -2."""


def said(*tokens: tuple[str, float]) -> Step:
    return sum((Step.of(text, 1, logprob) for text, logprob in tokens), Step())


@pytest.mark.parametrize(
    ("tokens", "eagerness", "shown"),
    [
        ((("a", -0.1),), Eagerness.LOW, "a"),
        ((("a", -0.5),), Eagerness.LOW, ""),
        ((("a", -0.5),), Eagerness.MEDIUM, "a"),
        ((("a", -0.3), ("b", -0.3), ("", -0.3)), Eagerness.MEDIUM, "ab"),
        ((("a", -0.3), ("b", -0.3), ("", -0.9)), Eagerness.MEDIUM, ""),  # its end counts
        ((("a\n", -0.5), ("b", -0.2)), Eagerness.MEDIUM, "a\nb"),
        ((("a\n", -0.5), ("b", -1.0)), Eagerness.MEDIUM, "a\n"),
        ((("a\n", -0.5), ("b", -1.0)), Eagerness.HIGH, "a\nb"),
        ((("a\n", -2.5), ("b", -0.1)), Eagerness.HIGH, ""),
        ((("\n", -0.2), ("a\n", -0.5), ("\n", -9.0)), Eagerness.MEDIUM, "\na\n"),  # blank lines are no lines
        ((("\f", -0.2), ("a", -0.5)), Eagerness.MEDIUM, "\fa"),  # and a form feed ends none
        ((("", -3.0),), Eagerness.HIGH, ""),
        ((), Eagerness.LOW, ""),
    ],
)
def test_sure(tokens: tuple[tuple[str, float], ...], eagerness: Eagerness, shown: str) -> None:
    step = said(*tokens)
    assert step.text[: sure(step, EVEN, eagerness)] == shown


@pytest.mark.parametrize(
    ("tokens", "logprob"),
    [
        ((("ab", -1.0), ("c", -2.0)), -3.0),
        ((("ab\n", -1.0), ("c", -2.0)), -1.0),
        ((("a", -1.0), ("b\n", -2.0), ("c", -4.0)), -3.0),
        ((("", -0.5), ("a\nb", -1.0), ("c", -2.0)), -1.5),  # a token that says both lines counts for the first
    ],
)
def test_the_first_line(tokens: tuple[tuple[str, float], ...], logprob: float) -> None:
    assert first_line(said(*tokens)) == logprob


@pytest.mark.parametrize("logprob", [0.0, -1.0, -50.0, -1e9, -math.inf])
@pytest.mark.parametrize("slope", [0.2, 1.0, 5.0])
def test_a_chance_is_a_probability_that_grows(logprob: float, slope: float) -> None:
    gate = Gate(-1.0, slope, 0.5, 0.5, 0.5)
    assert 0 < gate.chance(logprob) <= gate.chance(0.0) < 1
