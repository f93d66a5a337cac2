"""Fits the text around the caret into the model's context window, so that consecutive keystrokes share tokens.

The budget is in characters: the editor's process has no tokenizer. A prompt that turns out too long is answered
with `PromptTooLong`, and the caller fits again into fewer characters.
"""

from __future__ import annotations

from dataclasses import dataclass

from codels.core import Site, Snippet

MAX_CHARS = 6144
"""Of a window on a CPU, whatever the model could read: there a longer prompt takes longer than anybody waits."""

SUFFIX_SHARE = 0.3
"""Of the window. What the suffix does not need goes to the prefix; never the other way round, or the suffix
would change with every key and with it all the tokens that follow it."""

STEP_SHARE = 0.2
"""Of the prefix: so much may be left out, so that the window's first line moves at once and then stands still."""


@dataclass(frozen=True, slots=True)
class Window:
    """What the prompt will show: whole lines, `\\n` line ends, no byte order mark."""

    prefix: str
    suffix: str
    snippets: tuple[Snippet, ...] = ()


def fit(site: Site, snippets: tuple[Snippet, ...], max_chars: int) -> Window:
    """The window around the caret in at most `max_chars`; snippets take what the current file leaves, in order."""
    suffix = _suffix(site, int(max_chars * SUFFIX_SHARE))
    prefix = _prefix(site, max_chars - len(suffix))
    n_left = max_chars - len(prefix) - len(suffix)
    kept: list[Snippet] = []
    for snippet in snippets:
        n_left -= len(snippet.path) + len(snippet.text)
        if n_left < 0:
            break
        kept.append(snippet)
    return Window(prefix, suffix, tuple(kept))


def _suffix(site: Site, max_chars: int) -> str:
    """Whole lines from the caret on; a rest of line that is longer than the budget is cut."""
    lines = site.snapshot.lines
    pieces = [lines[site.line][site.column :][:max_chars]]
    n_left = max_chars - len(pieces[0])
    for number in range(site.line + 1, len(lines)):
        n_left -= len(lines[number])
        if n_left < 0:
            break
        pieces.append(lines[number])
    return plain("".join(pieces))


def _prefix(site: Site, max_chars: int) -> str:
    """Whole lines up to the caret, from a first line that moves in steps; a line longer than that is cut in steps."""
    lines = site.snapshot.lines
    step_chars = max(1, int(max_chars * STEP_SHARE))
    n_left = max_chars - site.column
    if n_left < 0:
        start = -(-(site.column - max_chars) // step_chars) * step_chars
        return plain(site.before[start:])
    first = site.line
    while first > 0 and n_left >= len(lines[first - 1]):
        first -= 1
        n_left -= len(lines[first])
    return plain("".join(lines[_roundest(site, first, step_chars) : site.line]) + site.before)


def _roundest(site: Site, first: int, max_chars: int) -> int:
    """Of the line numbers from `first` on, with at most `max_chars` left out, the one with the most factors of two.

    While the range moves on with the caret, that one stays the same for long; and it depends on nothing else.
    """
    best = last = first
    n_left = max_chars
    while last < site.line and (n_left := n_left - len(site.snapshot.lines[last])) >= 0:
        last += 1
        if last & -last > best & -best:
            best = last
    return best if first else 0


def plain(text: str) -> str:
    """As models know text: `\\n` line ends, no byte order mark."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.removeprefix("\ufeff")
