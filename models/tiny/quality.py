"""Why a file teaches a code model little. Pure; the thresholds were set by reading what they drop."""

from __future__ import annotations

import re
from collections.abc import Callable

from sources import MAX_FILE_BYTES

MIN_BYTES, MAX_BYTES = 300, 250_000
MAX_LINE = 800
MAX_MEAN_LINE = 90
MAX_DIGITS = 0.15
MAX_NON_ASCII = 0.05
MAX_TABLE = 0.35
MIN_STATEMENTS = 3
HEADER_CHARS = 1500
"""Where generators say so."""

VENDORED = re.compile(
    r"(?:^|/)(?:_?vendor(?:ed)?|_?vendored_packages|third_?party|_?externs?|externals|node_modules|typeshed|stubs"
    r"|fixtures|golden|test_?data|locales?|site-packages)/"
)
GENERATED_PATH = re.compile(r"_pb2(?:_grpc)?\.py$|(?:^|/)_?(?:parsetab|lextab|parser_tables?)\.py$|(?:^|/)encodings/\w")
GENERATED = re.compile(
    r"do not edit|@generated|(?:auto(?:matically|[- ]?)|machine)[- ]?generated|generated (?:by|from|file|code)"
    r"|file (?:is|was) generated",
    re.IGNORECASE,
)
COPYLEFT = re.compile(
    r"GNU (?:Lesser |Affero |Library )?General Public|SPDX-License-Identifier:[^\n]*(?:GPL|MPL|EPL|CC-BY-(?:NC|SA))"
    r"|Mozilla Public License|Eclipse Public License|proprietary and confidential",
    re.IGNORECASE,
)
TEST = re.compile(r"(?:^|/)(?:tests?|testing|idle_test)/|(?:^|/)(?:conftest|test_[^/]*|[^/]*_tests?)\.py$")

_STATEMENT = re.compile(r"\s*(?:def|class|import|from|if|for|return|with|assert|@\w)\b")
_LITERAL = re.compile(r"""[\s\[\](){}]*(?:-?[\d.][\w.+-]*|[rbu]{0,2}(?:'[^']*'|"[^"]*"))(?:\s*:.*)?[\s\[\](){},]*""")


def reason(path: str, content: bytes) -> str:
    """One word for why the file is dropped; empty for a good one."""
    if found := _by_name_and_size(path, len(content)):
        return found
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return "encoding"
    return _by_header(text) or _by_shape(text)


def is_test(path: str) -> bool:
    return TEST.search(path) is not None


def _by_name_and_size(path: str, n_bytes: int) -> str:
    if VENDORED.search(path):
        return "vendored"
    if GENERATED_PATH.search(path):
        return "generated"
    if n_bytes < MIN_BYTES:
        return "tiny"
    return "huge" if n_bytes > min(MAX_BYTES, MAX_FILE_BYTES) else ""


def _by_header(text: str) -> str:
    if "\0" in text:
        return "binary"
    if GENERATED.search(text[:HEADER_CHARS]):
        return "generated"
    return "copyleft header" if COPYLEFT.search(text[:HEADER_CHARS]) else ""


def _by_shape(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or max(map(len, lines)) > MAX_LINE or len(text) / len(lines) > MAX_MEAN_LINE:
        return "long lines"
    if _share(text, str.isdigit) > MAX_DIGITS:
        return "digits"
    if _share(text, lambda sign: not sign.isascii()) > MAX_NON_ASCII:
        return "not ASCII"
    if sum(_LITERAL.fullmatch(line) is not None for line in lines) / len(lines) > MAX_TABLE:
        return "table"
    return "" if sum(_STATEMENT.match(line) is not None for line in lines) >= MIN_STATEMENTS else "no code"


def _share(text: str, is_one: Callable[[str], bool]) -> float:
    return sum(map(is_one, text)) / len(text)
