"""Where a statement or a block ends, by brackets, strings and indentation. Knows no language but its comment sign."""

from __future__ import annotations

import re
from functools import cache

from codels.core import Shape, Site

_SIGNS = {
    "#": ("python", "shellscript", "ruby", "perl", "r", "julia", "yaml", "toml", "makefile", "dockerfile"),
    "--": ("lua", "sql", "haskell"),
}
_SIGN_OF = {language: sign for sign, languages in _SIGNS.items() for language in languages}

_TAB = 4

MAX_HEADER = 50
"""Lines of one header: those above that the brackets closed in its last line may reach to."""

MAX_LINES_ABOVE = 1000
"""Read in search of an open string. Where the last definition stands further up, the caret counts as in code."""

_TOP = re.compile(r"(?:async )?def \w+\(|class \w+[(:]")
"""Begins a line that stands in no string, but for docstrings that quote whole definitions."""


def end(site: Site, text: str, shape: Shape) -> int | None:
    """The length of the part of `text` that belongs to the statement or block at the caret.

    None while it has not ended: more text may follow.
    """
    return _statement_end(site, text) if shape is Shape.LINE else _block_end(site, text)


def balance(text: str, language: str) -> int:
    """Brackets opened minus closed, outside strings and comments."""
    return sum(_change(match) for match in _tokens(text, language))


def leave_brackets(site: Site, text: str) -> str:
    """`text` up to a bracket that closes what the rest of the caret's line closes already."""
    language = site.snapshot.language
    return text if balance(site.after, language) >= 0 else cut_surplus(site, text)


def cut_surplus(site: Site, text: str) -> str:
    """`text` up to a bracket that closes more than the caret's line has open."""
    language, n_before = site.snapshot.language, len(site.before)
    depth = max(0, balance(site.before + site.after, language))
    for match in _tokens(site.before + text, language):
        if match.start() >= n_before:
            depth += _change(match)
            if depth < 0:
                return text[: match.start() - n_before]
    return text


def code(line: str, language: str) -> str:
    """The line without its comment; what is in its strings left out."""
    return _pattern(language).sub(lambda match: "" if match["comment"] else '""' if match["string"] else match[0], line)


def rest_of_word(site: Site) -> str:
    """The end of the word that the caret stands in; nothing where no word goes on."""
    before, after = site.before[-1:], site.after
    if not before or not _is_word(before):
        return ""
    return after[: next((n for n, char in enumerate(after) if not _is_word(char)), len(after))]


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def is_in_string(site: Site) -> bool:
    """Whether the caret's line begins inside a triple-quoted string."""
    return bool(_quote_above(site))


def open_quote(site: Site) -> str:
    """The triple quote of the string that the caret stands in, or nothing."""
    quote = _quote_above(site)
    return _after_line(quote, site.before, site.snapshot.language)


def _quote_above(site: Site) -> str:
    """The triple quote that is open where the caret's line begins."""
    lines, least = site.snapshot.lines, max(0, site.line - MAX_LINES_ABOVE)
    numbers = range(site.line - 1, least - 1, -1)
    first = next((n for n in numbers if lines[n][0] in "acd" and _TOP.match(lines[n])), least)
    quote = ""
    for line in lines[first : site.line]:
        quote = _after_line(quote, line, site.snapshot.language)
    return quote


def _after_line(quote: str, line: str, language: str) -> str:
    """What is open behind `line` where `quote` was before it. Looks closer only at lines with such quotes."""
    is_quoted = quote in line if quote else '"""' in line or "'''" in line
    return _left_open(quote + line, language) if is_quoted else quote


def _left_open(line: str, language: str) -> str:
    """The triple quote that is opened in `line` and not closed."""
    strings = [match["string"] for match in _tokens(line, language) if match["string"]]
    last = strings[-1] if strings else ""
    is_open = last[:3] in ('"""', "'''") and not (len(last) >= 6 and last.endswith(last[:3]))
    return last[:3] if is_open else ""


@cache
def _pattern(language: str) -> re.Pattern[str]:
    sign = re.escape(_SIGN_OF.get(language, "//"))
    return re.compile(
        r'(?P<string>"""(?:\\.|[^\\])*?(?:"""|\Z)'
        r"|'''(?:\\.|[^\\])*?(?:'''|\Z)"
        r"|`(?:\\.|[^`\\])*(?:`|\Z)"
        r'|"(?:\\.|[^"\\\n])*(?:"|(?=\n)|\Z)'
        r"|'(?:\\.|[^'\\\n])*(?:'|(?=\n)|\Z))"
        rf"|(?P<comment>{sign}[^\n]*)"
        r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
        r"|\\\n|(?P<newline>\n)",
        re.DOTALL,
    )


def _tokens(text: str, language: str) -> list[re.Match[str]]:
    """Brackets, strings and line ends that count."""
    return [match for match in _pattern(language).finditer(text) if not match["comment"]]


def _change(match: re.Match[str]) -> int:
    return bool(match["open"]) - bool(match["close"])


def _statement_end(site: Site, text: str) -> int | None:
    """At the first line end outside brackets; those that the caret's line opened before the caret count too."""
    before, line_end = site.before, text.find("\n")
    if line_end < 0:
        return None
    if is_in_string(site):
        return line_end
    depth = 0
    for match in _tokens(before + text, site.snapshot.language):
        depth += _change(match)
        if match.start() < len(before) < match.end() and "\n" in match[0]:
            return line_end  # the caret stands in a string of several lines: one of them is enough
        if match["newline"] and depth <= 0 and match.start() >= len(before):
            return match.start() - len(before)
    return None


def _block_end(site: Site, text: str) -> int | None:
    """Before the first line that is indented less than the block, or after two blank lines."""
    least = _least_indent(site)
    free_lines = _free_lines(site, text)
    n_blank, at, lines = 0, 0, text.split("\n")
    for number, line in enumerate(lines):
        is_followed = number + 1 < len(lines)
        n_blank = 0 if line.strip() else n_blank + 1
        if number and line.strip() and number in free_lines and _width(line) < least:
            if line.lstrip()[0] not in ")]}":
                return at - 1
            if is_followed and line.rstrip()[-1] not in "([{":  # as in `} else {`
                return at + len(line)
        if number and n_blank == 2 and is_followed:
            return at - 1
        at += len(line) + 1
    return None


def _free_lines(site: Site, text: str) -> set[int]:
    """The numbers of the lines of `text` that do not begin inside a string or a bracket that it opened itself."""
    n_before, depth, found = len(site.before), 0, set[int]()
    for match in _tokens(site.before + text, site.snapshot.language):
        if match.start() >= n_before:
            depth = depth + _change(match)
            if match["newline"] and depth <= 0:
                found.add(text.count("\n", 0, match.end() - n_before))
    return found


def _least_indent(site: Site) -> int:
    """The indentation of the block at the caret: deeper than its header, or that of the caret."""
    if site.before.strip():
        return _header_width(site, site.line, site.before) + 1
    for number in range(site.line - 1, -1, -1):
        line = site.snapshot.lines[number]
        if line.strip():
            return max(_width(site.indent), _header_width(site, number, line) + 1)
    return _width(site.indent)


def _header_width(site: Site, number: int, line: str) -> int:
    """The indentation of the statement that ends with `line`: further up where that closes what others opened."""
    depth = balance(line, site.snapshot.language)
    for above in range(number - 1, max(-1, number - MAX_HEADER), -1):
        if depth >= 0:
            break
        line = site.snapshot.lines[above]
        depth += balance(line, site.snapshot.language)
    return _width(line)


def _width(line: str) -> int:
    return len(line[: len(line) - len(line.lstrip())].expandtabs(_TAB))
