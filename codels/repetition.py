"""Lines and words said once more, right after they were said."""

from __future__ import annotations

from collections.abc import Sequence

MAX_PERIOD = 4
"""Lines that, said a second time right after the first, are a loop."""

MIN_TELLING = 5
"""Letters and digits. Lines of brackets, `else:`, `pass` and the like stand in code again and again."""


MAX_STUTTER = 40
N_STUTTER = 4
"""So many times the same stretch of at most so many characters, one right after the other, is a loop."""

N_DIGITS = 8
"""So many times where the stretch holds digits and no letter: rows of a table look alike for longer."""


def start(above: Sequence[str], lines: Sequence[str]) -> int | None:
    """The number of the first of `lines` where what stands right before it is said again; blank lines do not count."""
    before = [line.strip() for line in above if line.strip()][-MAX_PERIOD:]
    said = [(number, line.strip()) for number, line in enumerate(lines) if line.strip()]
    texts = before + [line for _, line in said]
    for index, (number, _) in enumerate(said, len(before)):
        for n in range(1, min(MAX_PERIOD, index) + 1):
            again = texts[index : index + n]
            if again == texts[index - n : index] and is_telling(again):
                return number
    return None


def is_telling(lines: Sequence[str]) -> bool:
    """Whether that these lines stand in two places says something."""
    return sum(char.isalnum() for line in lines for char in line) >= MIN_TELLING


def stutters(text: str) -> bool:
    """Whether `text` ends in a loop: then more of it will not help."""
    text = text.rstrip()
    return any(_is_loop(text, text[-n:]) for n in range(1, min(MAX_STUTTER, len(text) // N_STUTTER) + 1))


def _is_loop(text: str, unit: str) -> bool:
    if any(char.isalpha() for char in unit):
        return len(set(unit)) > 1 and text.endswith(unit * N_STUTTER)
    return any(char.isdigit() for char in unit) and text.endswith(unit * N_DIGITS)
