"""From what the model said to what goes into the buffer. Each step is a function from a draft to text.

Add a step by writing it and its line in `STEPS`, plus rows in `tests/unit/test_postprocess.py`. A step that fails is
logged and skipped. A draft that a step empties is dropped, with the reason that stands beside the step.
"""

from __future__ import annotations

import logging
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace

from codels import indent, repetition, statements
from codels.checks import python
from codels.core import Shape, Site

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """`is_whole`: the model stopped by itself, so the last line is not cut off by a limit."""

    text: str
    site: Site
    shape: Shape
    is_whole: bool = True


Step = Callable[[Draft], str]

_GARBAGE = re.compile("[\\x00-\\x08\\x0b\\x0e-\\x1f\\x7f\\ud800-\\udfff\\ufffd]")

MAX_LINES_ABOVE = 12
"""Searched for what the suggestion repeats."""


def clean(draft: Draft) -> tuple[str, str]:
    """The text to offer, and why there is none where it is empty."""
    if not draft.text.strip():
        return "", "the model has nothing to add"
    for step, reason in STEPS.items():
        try:
            text = step(draft)
        except Exception as error:
            log.warning("postprocess step %s failed and is skipped (%s)", step.__name__, type(error).__name__)
            log.debug("its traceback", exc_info=True)  # which may quote the user's code
            continue
        if not text.strip():
            return "", f"filtered: {reason}"
        draft = replace(draft, text=text)
    return draft.text, ""


def end_before_garbage(draft: Draft) -> str:
    """Cut before a line with a broken or a control character, which a model writes that has lost its way."""
    found = _GARBAGE.search(draft.text)
    return draft.text[: found.start()].rpartition("\n")[0] if found else draft.text


def end_with_statement(draft: Draft) -> str:
    """Cut behind the statement or block at the caret, or before a last line that a limit cut somewhere."""
    end = statements.end(draft.site, draft.text, draft.shape)
    if end is not None:
        return draft.text[:end]
    if draft.is_whole:
        return draft.text
    if "\n" in draft.text.strip("\n"):
        return draft.text[: draft.text.rindex("\n")]  # a limit cut the last line somewhere
    line = draft.site.before + draft.text + draft.site.after
    return "" if statements.balance(line, draft.site.snapshot.language) > 0 else draft.text


def leave_out_suffix(draft: Draft) -> str:
    """Cut what the rest of the caret's line says already."""
    text, after = draft.text.rstrip(" \t"), draft.site.after.strip()
    if not after:
        return draft.text
    rest = statements.rest_of_word(draft.site)
    if rest and text.startswith(rest):
        return ""  # the word again, which would then stand there with its end doubled
    for n in range(min(len(after), len(text)), 0, -1):
        if text.endswith(after[:n]) and _is_surplus(replace(draft, text=text), after, n):
            return text[: len(text) - n]
    text = draft.text
    return statements.leave_brackets(draft.site, text if _is_closing(after) else text.partition("\n")[0])


def _is_surplus(draft: Draft, tail: str, n: int) -> bool:
    """Whole words only; closing brackets that the suggestion needs for what it opened itself are no repetition."""
    before, language = draft.site.before, draft.site.snapshot.language
    if _is_closing(tail[:n]):
        return statements.balance(before + draft.text, language) <= statements.balance(before, language) - n
    first, last = len(draft.text) - n, tail[n - 1 : n + 1]
    return not _is_word(last) and (first == 0 or not _is_word(draft.text[first - 1 : first + 1]))


def _is_word(pair: str) -> bool:
    """Two characters with no place for a break between them."""
    return len(pair) == 2 and all(char.isalnum() or char == "_" for char in pair)


def _is_closing(text: str) -> bool:
    return all(char in ")]} " for char in text)


def leave_string_open(draft: Draft) -> str:
    """Cut before a triple quote that closes the string at the caret where it is closed below already."""
    quote = statements.open_quote(draft.site)
    if not quote or quote not in draft.text:
        return draft.text
    lines = draft.site.snapshot.lines
    n_below = sum(line.count(quote) for line in (draft.site.after, *lines[draft.site.line + 1 :]))
    return draft.text[: draft.text.index(quote)].rstrip() if n_below % 2 else draft.text


def leave_out_lines_below(draft: Draft) -> str:
    """Cut where the suggestion goes on with the lines below the caret."""
    below = _lines_below(draft.site)
    lines = draft.text.split("\n")
    for number in range(len(lines)):
        said = _visible([(draft.site.before if number == 0 else "") + lines[number], *lines[number + 1 :]])
        n = min(len(said), len(below))
        if n and lines[number].strip() and _is_same(said[:n], below[:n]):
            return "\n".join(lines[:number])
    return draft.text


def _is_same(said: list[str], below: list[str]) -> bool:
    """Brackets stand in code again and again: those must be indented alike, too."""
    if repetition.is_telling(said):
        return [line.strip() for line in said] == [line.strip() for line in below]
    return said == below and not any(char.isalnum() for char in said[0])


def leave_out_repetition(draft: Draft) -> str:
    """Cut where a group of lines is said a second time."""
    site, lines = draft.site, draft.text.split("\n")
    whole = [site.before + lines[0], *lines[1:]]
    whole[-1] += site.after
    number = repetition.start(site.snapshot.lines[max(0, site.line - MAX_LINES_ABOVE) : site.line], whole)
    return draft.text if number is None else "\n".join(lines[:number])


def leave_out_stutter(draft: Draft) -> str:
    """Leave out the lines that end in a loop of words."""
    text = draft.text
    while text and repetition.stutters(text):
        text = text.rpartition("\n")[0].rstrip()
    return text


def indent_as_the_file(draft: Draft) -> str:
    """Tabs or blanks, as the lines around have them."""
    lines, sign = draft.text.split("\n"), indent.sign(draft.site)
    n_kept = 1 if draft.site.before else 0  # the first line goes on where the caret stands
    if indent.is_first(draft.site):
        lines = textwrap.dedent(draft.text).split("\n")
    if not sign:
        return "\n".join(lines)
    return "\n".join([*lines[:n_kept], *(indent.with_sign(line, sign) for line in lines[n_kept:])])


def end_neatly(draft: Draft) -> str:
    """No white space at the ends of lines, but what separates the suggestion from code right of it."""
    *lines, last = draft.text.split("\n")
    if not draft.site.after.strip():
        return "\n".join(line.rstrip() for line in [*lines, last]).rstrip()
    return "\n".join([*(line.rstrip() for line in lines), last.rstrip() if draft.site.after[0] == " " else last])


def stay_parsable(draft: Draft) -> str:
    """The longest part, in whole lines, that adds no syntax error."""
    if draft.site.snapshot.language != "python":
        return draft.text
    site, text = draft.site, draft.text
    while text.strip() and python.adds_syntax_error(site, text):
        shorter = statements.cut_surplus(site, text)
        if shorter.strip() and shorter != text and not python.adds_syntax_error(site, shorter):
            return shorter.rstrip()
        text = text.rpartition("\n")[0].rstrip()
    return text


def end_lines_as_the_file(draft: Draft) -> str:
    """Carriage returns where the document has them."""
    return draft.text.replace("\n", draft.site.snapshot.newline)


STEPS: dict[Step, str] = {
    end_before_garbage: "it is no text",
    end_with_statement: "nothing is left of the statement or block",
    leave_out_suffix: "it stands right of the caret already",
    leave_string_open: "it would close a string that is closed below",
    leave_out_lines_below: "it stands below the caret already",
    leave_out_repetition: "it repeats itself or the lines above",
    leave_out_stutter: "it says the same words again and again",
    indent_as_the_file: "it is nothing but indentation",
    end_neatly: "it is nothing but white space",
    stay_parsable: "it would add a syntax error",
    end_lines_as_the_file: "it is nothing but line ends",
}
"""The steps in their order, and what is said when one leaves nothing."""


def _lines_below(site: Site, n: int = 3) -> list[str]:
    """The next lines that are not blank."""
    return _visible(list(site.snapshot.lines[site.line + 1 : site.line + 12]))[:n]


def _visible(lines: list[str]) -> list[str]:
    """Those that are not blank, without what is blank at their ends."""
    return [line.rstrip() for line in lines if line.strip()]
