"""Answers held to a grammar (GBNF), by llama.cpp's matcher. Imports the library.

The grammar is of what the answer says anew. What is spelled again before it (`prompt.heal`) is a literal before the
grammar's root, since one token may end the one and begin the other.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llama_cpp as llama
import numpy as np

from codels.backends import llamalog
from codels.backends.copying import Copied, Ids
from codels.backends.llamasampling import Sampler
from codels.backends.llamavocab import Vocabulary
from codels.backends.logits import Tokens
from codels.errors import UserError
from codels.generation import Prompt

_ROOT = "root"
_HEALED = "codels-healed"

_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*')
_REPEATED = re.compile(r"\{\s*(\d+)\s*,\s*(\d+)\s*\}")

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
"""`llama_token_data` of llama.h."""


@contextmanager
def constrained(sampler: Sampler, gbnf: str, prompt: Prompt) -> Iterator[Sampler]:
    """`sampler`, held to a grammar where there is one. Raises `UserError` where that is none."""
    if not gbnf:
        yield sampler
        return
    grammar = Grammar(sampler.vocabulary, gbnf, prompt)
    try:
        yield GrammarSampler(sampler, grammar)
    finally:
        grammar.close()


class Grammar:
    """Where in a grammar an answer stands."""

    def __init__(self, vocabulary: Vocabulary, gbnf: str, prompt: Prompt) -> None:
        # llama.cpp judges markers by the text of their names; they say nothing, so a grammar knows none of them.
        self._ends = np.array(sorted(vocabulary.ends(prompt.stop)), np.int32)
        self._words = np.setdiff1d(vocabulary.words, self._ends)
        self._end = vocabulary.answer_end
        self._matcher = _parsed(vocabulary, gbnf, _ROOT)
        if prompt.heal:
            # `gbnf` itself was found good, so llama.cpp prints no complaint that quotes the user's words.
            self.close()
            self._matcher = _parsed(vocabulary, f"{gbnf}\n{_HEALED} ::= {_literal(prompt.heal)} {_ROOT}\n", _HEALED)

    def allowed(self, tokens: Tokens) -> Tokens:
        """Those of `tokens`, or of all where it is empty, that may come next, and all that end an answer where it may
        end here.
        """
        words = np.setdiff1d(np.array(tokens, np.int32), self._ends) if len(tokens) else self._words
        found = self._matching(np.concatenate([words, self._end]))
        if len(self._end) and len(found) and found[-1] == self._end[0]:
            return np.concatenate([found[:-1], self._ends])
        return found

    def accept(self, token: int) -> None:
        if token not in self._ends:
            llama.llama_sampler_accept(self._matcher, token)

    def close(self) -> None:
        llama.llama_sampler_free(self._matcher)

    def _matching(self, ids: Ids) -> Ids:
        candidates = np.zeros(len(ids), _CANDIDATE)
        candidates["id"] = ids
        place = ctypes.cast(candidates.ctypes.data, ctypes.POINTER(llama.llama_token_data))
        array = llama.llama_token_data_array(data=place, size=len(ids), selected=-1, sorted=False)
        llama.llama_sampler_apply(self._matcher, ctypes.byref(array))
        found: Ids = candidates["id"][candidates["logit"] == 0]
        return found


class GrammarSampler(Sampler):
    """Chooses only what a grammar allows; log-probabilities are among that."""

    def __init__(self, sampler: Sampler, grammar: Grammar) -> None:
        super().__init__(sampler.context, sampler.chain, sampler.vocabulary)
        self._grammar = grammar

    def next(self, allowed: Tokens, banned: tuple[int, ...], copied: Copied | None) -> tuple[int, float] | None:
        """None also where the vocabulary cannot spell what must come."""
        matching = self._grammar.allowed(allowed)
        found = super().next(matching, banned, copied) if len(matching) else None
        if found:
            self._grammar.accept(found[0])
        return found


def _parsed(vocabulary: Vocabulary, gbnf: str, root: str) -> Any:
    for least, most in _REPEATED.findall(_QUOTED.sub("", gbnf)):
        if int(least) > int(most):  # llama.cpp (0.3.36) takes all of the machine's memory for it
            raise _unusable(gbnf, f"nothing can come {least} times at least and {most} times at most")
    llamalog.listen()
    matcher = llama.llama_sampler_init_grammar(vocabulary.handle, gbnf.encode("utf-8", "replace"), root.encode())
    if not matcher:
        raise _unusable(gbnf, llamalog.reason())
    return matcher


def _unusable(gbnf: str, reason: str) -> UserError:
    return UserError(
        f"the grammar that begins with {gbnf.strip()[:40]!r} cannot be used: {reason}. It must be GBNF, with a rule "
        f"named {_ROOT} and without left recursion"
    )


def _literal(text: str) -> str:
    """As GBNF writes any text."""
    shown = text.encode("utf-8", "replace").decode("utf-8")
    return '"' + "".join(f"\\U{ord(char):08X}" for char in shown) + '"'
