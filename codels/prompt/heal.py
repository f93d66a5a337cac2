"""A caret inside a token, healed: the prompt ends before the last pre-token, and decoding first spells it again.

A tokenizer splits text into pre-tokens (words with the sign before them, digits, runs of signs, white space) and
then into tokens, so a prompt that ends inside a pre-token ends in tokens that the model never saw at that place:
`some_ta` is `some`, `_t`, `a`, while `some_table` is `some`, `_table`. Backing up one token is not enough.
"""

from __future__ import annotations

import re

MAX_HEAL = 64
"""Characters. A longer pre-token (a hash, an embedded image) is data: spelling it again would cost, not help."""

_PRE_TOKEN = re.compile(
    r"'(?i:[sdmt]|ll|ve|re)"  # English endings, as in the tokenizers
    r"|(?:[^\r\n\w]|_)?[^\W\d_]+"  # a word, with the one sign or blank before it
    r"|\d"
    r"| ?(?:[^\s\w]|_)+[\r\n]*"  # signs, with the blank before and the line ends after them
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)
"""The pre-tokenizer of GPT-4 and Qwen2 in Python's `re`; the other byte-level tokenizers split alike or finer.

It splits digits one by one (Qwen2); a healed digit is right for tokenizers that take three as well, since
decoding may choose any token that begins with it.
"""


def split(prefix: str) -> tuple[str, str]:
    """`prefix` as (what the prompt shows, what decoding must spell again)."""
    tail_start = max(0, prefix.rfind("\n", 0, max(0, len(prefix) - 2 * MAX_HEAL)) + 1)
    start = tail_start
    for match in _PRE_TOKEN.finditer(prefix, tail_start):
        start = match.start()
    while start > 0 and prefix[start - 1].isdigit() and prefix[-1].isdigit():
        start -= 1  # other tokenizers join digits
    if len(prefix) - start > MAX_HEAL:
        return prefix, ""
    return prefix[:start], prefix[start:]
