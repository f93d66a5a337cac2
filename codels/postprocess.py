"""From what the model said to what goes into the buffer. Each step is a function from a draft to text.

Add a step by writing it and its line in `STEPS`, plus rows in `tests/test_postprocess.py`. A step that fails is
logged and skipped. A draft that a step empties is dropped, and the step's name is the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from codels import statements
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

MAX_STUTTER = 40
N_STUTTER = 4
"""So many times the same stretch of at most so many characters, one right after the other, is a loop."""


def clean(draft: Draft) -> tuple[str, str]:
    """The text to offer, and why there is none where it is empty."""
    if not draft.text.strip():
        return "", "the model has nothing to add"
    for step in STEPS:
        try:
            text = step(draft)
        except Exception:
            log.warning("postprocess step %s failed and is skipped", step.__name__, exc_info=True)
            continue
        if not text.strip():
            return "", f"filtered: {_said(step)}"
        draft = replace(draft, text=text)
    return draft.text, ""


def end_with_statement(draft: Draft) -> str:
    """Nothing is left of the statement or block."""
    end = statements.end(draft.site, draft.text, draft.shape)
    if end is not None:
        return draft.text[:end]
    if not draft.is_whole and "\n" in draft.text.strip("\n"):
        return draft.text[: draft.text.rindex("\n")]  # a limit cut the last line somewhere
    return draft.text


def leave_out_suffix(draft: Draft) -> str:
    """It stands right of the caret already."""
    text, after = draft.text, draft.site.after.strip()
    if not after:
        return text
    for n in range(min(len(after), len(text)), 0, -1):
        if text.endswith(after[:n]) and _is_surplus(draft, after[:n]):
            return text[: len(text) - n]
    first, newline, _ = text.partition("\n")
    return first if newline else text


def _is_surplus(draft: Draft, tail: str) -> bool:
    """Closing brackets that the suggestion needs for what it opened itself are no repetition of the suffix."""
    if any(char not in ")]}" for char in tail):
        return True
    return statements.balance(draft.text, draft.site.snapshot.language) <= -len(tail)


def leave_out_lines_below(draft: Draft) -> str:
    """It stands below the caret already."""
    below = _lines_below(draft.site)
    lines = draft.text.split("\n")
    if not below:
        return draft.text
    for number, line in enumerate(lines):
        said = (draft.site.before if number == 0 else "") + line
        rest = [line.strip() for line in lines[number + 1 : number + len(below)]]
        if _is_telling(said) and said.strip() == below[0] and rest == below[1 : 1 + len(rest)]:
            return "\n".join(lines[:number])
    return draft.text


def leave_out_repetition(draft: Draft) -> str:
    """It repeats itself or the line above."""
    site = draft.site
    above = next((t for n in range(site.line - 1, -1, -1) if (t := site.snapshot.lines[n].strip())), "")
    kept: list[str] = []
    said: list[str] = [above]
    for number, line in enumerate(draft.text.split("\n")):
        whole = ((site.before if number == 0 else "") + line).strip()
        if _is_telling(whole) and (whole == said[-1] or (len(said) > 3 and said[-3:-1] == [said[-1], whole])):
            break
        kept.append(line)
        if whole:
            said.append(whole)
    return "\n".join(kept)


def leave_out_stutter(draft: Draft) -> str:
    """It says the same words again and again."""
    return "" if stutters(draft.text) else draft.text


def indent_as_the_file(draft: Draft) -> str:
    """Nothing but indentation."""
    first, *rest = draft.text.split("\n")
    if not rest or not _uses_tabs(draft.site):
        return draft.text
    return "\n".join([first, *(_with_tabs(line) for line in rest)])


def end_neatly(draft: Draft) -> str:
    """White space only."""
    return draft.text.rstrip() if not draft.site.after.strip() else draft.text.rstrip("\n")


def stay_parsable(draft: Draft) -> str:
    """It would add a syntax error."""
    if draft.site.snapshot.language != "python":
        return draft.text
    text = draft.text
    while text.strip() and python.adds_syntax_error(draft.site, text):
        text = text.rpartition("\n")[0].rstrip()
    return text


def end_lines_as_the_file(draft: Draft) -> str:
    """Nothing but line ends."""
    return draft.text.replace("\n", draft.site.snapshot.newline)


STEPS: tuple[Step, ...] = (
    end_with_statement,
    leave_out_suffix,
    leave_out_lines_below,
    leave_out_repetition,
    leave_out_stutter,
    indent_as_the_file,
    end_neatly,
    stay_parsable,
    end_lines_as_the_file,
)


def stutters(text: str) -> bool:
    """Whether `text` ends in a loop: then more of it will not help."""
    text = text.rstrip()
    longest = min(MAX_STUTTER, len(text) // N_STUTTER)
    return any(
        text.endswith(text[-n:] * N_STUTTER) and any(char.isalpha() for char in text[-n:])
        for n in range(2, longest + 1)
    )


def _said(step: Step) -> str:
    text = (step.__doc__ or step.__name__).strip().rstrip(".")
    return text[0].lower() + text[1:]


def _is_telling(line: str) -> bool:
    """Lines of brackets, `else:`, `pass` and the like stand in code again and again."""
    return sum(char.isalnum() for char in line) > 4


def _lines_below(site: Site, n: int = 3) -> list[str]:
    """The next lines that are not blank, stripped."""
    found: list[str] = []
    for number in range(site.line + 1, min(site.line + 12, len(site.snapshot.lines))):
        if line := site.snapshot.lines[number].strip():
            found.append(line)
        if len(found) == n:
            break
    return found


def _uses_tabs(site: Site) -> bool:
    """By the nearest indented line, the caret's first."""
    if site.indent:
        return site.indent.startswith("\t")
    lines = site.snapshot.lines
    near: list[int] = [
        *range(site.line - 1, max(-1, site.line - 200), -1),
        *range(site.line + 1, min(len(lines), site.line + 200)),
    ]
    for number in near:
        if lines[number][:1] in ("\t", " ") and lines[number].strip():
            return lines[number].startswith("\t")
    return False


def _with_tabs(line: str, width: int = 4) -> str:
    content = line.lstrip(" \t")
    columns = len(line[: len(line) - len(content)].expandtabs(width))
    return "\t" * (columns // width) + " " * (columns % width) + content
