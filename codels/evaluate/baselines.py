"""What needs no model: copying, the file's most frequent line, an n-gram of the file's own tokens.

Each is a function from a caret to the rest of its line, from this file alone. A model that does not beat them has not
earned its place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from codels import statements
from codels.core import Shape, Site

MIN_MATCH, MAX_MATCH = 3, 400
"""Characters before the caret that copying looks for elsewhere."""

ORDER = 8
"""Tokens of context at most that the n-gram tells apart."""

MAX_TOKENS, MAX_BLOCK_TOKENS, MAX_BLOCK_CHARS = 48, 200, 1000

_TOKEN = re.compile(r"\n[ \t]*|[ \t]+|\w+|[^\w\s]|\s")


def copy(site: Site) -> str:
    """What follows the longest match of the text before the caret: the nearest above, else the first one below."""
    return _copied(site).partition("\n")[0]


def copy_block(site: Site) -> str:
    return _one_block(site, _copied(site)[:MAX_BLOCK_CHARS])


def _copied(site: Site) -> str:
    before, below = _sides(site)
    longest = ""
    low, high = MIN_MATCH, min(MAX_MATCH, len(before))
    while low <= high:
        n_chars = (low + high) // 2
        if (found := _after_match(before, below, n_chars)) is None:
            high = n_chars - 1
        else:
            longest, low = found, n_chars + 1
    return longest


def frequent(site: Site) -> str:
    """The rest of the file's most frequent line that starts as the caret's does; on a tie the first one."""
    start = site.before
    others = [*site.snapshot.lines[: site.line], *site.snapshot.lines[site.line + 1 :]]
    lines = (line.rstrip() for line in others)
    counts = Counter(line for line in lines if line.startswith(start) and line[len(start) :].strip())
    return counts.most_common(1)[0][0][len(start) :] if counts else ""


def ngram(site: Site) -> str:
    """Token by token what followed the longest known context most often, on a tie the newest.

    A word before the caret is spelled again, since it may have only begun.
    """
    return _predicted(site, MAX_TOKENS, end="\n").partition("\n")[0]


def ngram_block(site: Site) -> str:
    return _one_block(site, _predicted(site, MAX_BLOCK_TOKENS, end=""))


def _predicted(site: Site, n_tokens: int, end: str) -> str:
    """Up to `n_tokens`; no more once one begins with `end`."""
    before, below = _sides(site)
    tokens, start = _TOKEN.findall(before), ""
    if tokens and (tokens[-1][-1].isalnum() or tokens[-1][-1] == "_"):
        start = tokens.pop()
    tokens = [*_TOKEN.findall(below), "\n", *tokens]
    places: dict[str, list[int]] = {}
    for index, token in enumerate(tokens):
        places.setdefault(token, []).append(index)
    said = ""
    for _ in range(n_tokens):
        token = _next(tokens, places, start)
        if not token or (end and token.startswith(end)):
            break
        said, start = said + token[len(start) :], ""
        places.setdefault(token, []).append(len(tokens))
        tokens.append(token)
    return said


def _one_block(site: Site, text: str) -> str:
    end = statements.end(site, text, Shape.BLOCK)
    return text if end is None else text[:end]


def _sides(site: Site) -> tuple[str, str]:
    """The text before the caret and behind it, with `\\n` line ends."""
    n_chars = sum(map(len, site.snapshot.lines))
    return site.prefix(n_chars).replace("\r\n", "\n"), site.suffix(n_chars).replace("\r\n", "\n")


def _after_match(before: str, below: str, n_chars: int) -> str | None:
    key = before[-n_chars:]
    at = before.rfind(key, 0, len(before) - 1)
    if at >= 0:
        return before[at + n_chars :]
    at = below.find(key)
    return below[at + n_chars :] if at >= 0 else None


def _next(tokens: list[str], places: dict[str, list[int]], start: str) -> str:
    """What follows the tokens in their longest earlier context; it begins with `start`."""
    longest, counts = 0, Counter[str]()
    for index in reversed(places.get(tokens[-1], [])):
        if index + 1 == len(tokens) or not tokens[index + 1].startswith(start):
            continue
        n = 1
        while n < ORDER and index >= n and tokens[index - n] == tokens[-1 - n]:
            n += 1
        if n > longest:
            longest, counts = n, Counter()
        if n == longest:
            counts[tokens[index + 1]] += 1
    return counts.most_common(1)[0][0] if counts else ""


Baselines = dict[str, Callable[[Site], str]]

BASELINES: Baselines = {"copy": copy, "frequent": frequent, "ngram": ngram}
BLOCK_BASELINES: Baselines = {"copy": copy_block, "ngram": ngram_block}
