"""Whether a request is worth an answer, and how much that answer may say. Never looks at the model's words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codels import statements
from codels.core import Shape, Site
from codels.settings import Settings

MAX_CHARS_RIGHT = 3
"""More visible characters than this right of the caret, closing ones left out, mean "in the middle of code"."""

MAX_LINE = 20_000
"""Characters of one line beyond which a file is data, not code (minified, embedded tables)."""

MAX_LINES = 150_000
"""Lines beyond which a document is data, not code."""

N_BINARY = 20
"""Lines at the start and on both sides of the caret in which a zero byte tells a binary file."""

_CLOSING = set(")]}>\"'`:;, \t")
_PYTHON_HEADER = re.compile(r"(async|def|class|if|elif|else|for|while|with|try|except|finally|match|case)\b|[)\]]")
"""What a line that ends in a colon begins with where it opens a block; an annotation or a slice does not."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`shape` is None where nothing is to be offered; `reason` then says why, for a person to read."""

    shape: Shape | None
    reason: str = ""


def decide(site: Site, settings: Settings, languages: frozenset[str], is_explicit: bool) -> Decision:
    """The rules in order; an explicit request passes all but the impossible ones.

    `languages` are those that the model knows; empty means all.
    """
    reason = _impossible(site, languages)
    if not reason and not is_explicit:
        reason = _unwanted(site, settings)
    if reason:
        return Decision(None, reason)
    return Decision(Shape.BLOCK if settings.multiline and wants_block(site) else Shape.LINE)


def _impossible(site: Site, languages: frozenset[str]) -> str:
    language = site.snapshot.language
    if languages and language not in languages:
        return f"the model knows {', '.join(sorted(languages))} only, and this document is {language or 'plain text'}"
    if len(site.snapshot.lines) > MAX_LINES:
        return f"the document has more than {MAX_LINES} lines"
    if len(site.text) > MAX_LINE:
        return f"the line has more than {MAX_LINE} characters"
    near = max(0, site.line - N_BINARY)
    lines = site.snapshot.lines
    if any("\0" in line for line in (*lines[:N_BINARY], *lines[near : site.line + N_BINARY])):
        return "the document is binary"
    return ""


def _unwanted(site: Site, settings: Settings) -> str:
    if not settings.enable:
        return "codels is switched off (codels.enable)"
    if site.snapshot.language in settings.disabled_languages:
        return f"codels is switched off for {site.snapshot.language} (codels.disabled_languages)"
    if statements.rest_of_word(site):
        return "the caret stands inside a word"
    n_right = sum(char not in _CLOSING for char in site.after)
    if n_right > MAX_CHARS_RIGHT:
        return "code stands right of the caret"
    return ""


def wants_block(site: Site) -> bool:
    """After a line that opens a block, on an empty line; or right behind the colon that ends a header."""
    if site.after.strip():
        return False
    language, before = site.snapshot.language, site.before.rstrip()
    if before and not before.endswith((":", "{")):
        return False
    line = statements.code(before or _line_above(site), language).strip()
    if line.endswith(":"):
        depth = statements.balance(line, language)
        is_header = bool(_PYTHON_HEADER.match(line)) or depth < 0 or language != "python"
        return is_header and depth <= 0 and not statements.is_in_string(site)
    return line.endswith("{" if before else ("{", "(", "["))


def _line_above(site: Site) -> str:
    """The nearest line above the caret that is not blank."""
    for number in range(site.line - 1, -1, -1):
        if site.snapshot.lines[number].strip():
            return site.snapshot.lines[number]
    return ""
