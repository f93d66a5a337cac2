"""Whether a package may be learnt from, decided on its whole licence expression. Pure.

Every part joined by AND has to be permissive, one of the parts joined by OR; a part that is not known is not
permissive. Several classifiers, and commas or slashes in free text, count as AND: which was meant is not said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message

_PERMISSIVE = """
    0bsd; apache; apache 1.1; apache 2; apache 2.0; apache software; apache software 2.0; asl 2; asl 2.0; boost 1.0;
    bsd; bsd 2; bsd 3; bsd style; bsd 2 clause; bsd 3 clause; bsd 3 clause clear; 2 clause bsd; 3 clause bsd;
    modified bsd; new bsd; revised bsd; simplified bsd; bsl 1.0; cc0 1.0; cnri python; expat; hpnd;
    historical permission notice and disclaimer hpnd; isc; isc iscl; mit; mit mit; mit 0; mit no attribution;
    mit no attribution mit 0; mit cmu; ncsa; university of illinois ncsa open source; psf; psf 2.0; python 2.0;
    python software foundation; public domain; unlicense; unlicense unlicense; wtfpl; w3c; zlib; zlib libpng;
    zope public; zpl 2.1
"""
PERMISSIVE = frozenset(" ".join(name.split()) for name in _PERMISSIVE.split(";"))
"""Names as `_plain` writes them."""

COPYLEFT = re.compile(
    r"GPL|GNU|Affero|MPL|Mozilla|EUPL|\bEPL|Eclipse|CDDL|OSL|CeCILL|Sleepycat|-SA\b|-NC\b|Proprietary|Commercial",
    re.IGNORECASE,
)
MAX_FREE_TEXT = 120
"""Characters of the metadata's `License`: longer is the licence's text, not its name."""

_NOISE = re.compile(r"\b(?:the|licen[cs]es?|version|v(?=\d))\b|[^a-z0-9.]+")
_OPERATOR = re.compile(r"(\(|\)|\bAND\b|\bOR\b|\bWITH\b|[,;/&|])", re.IGNORECASE)
_CLASSIFIER = "License :: "
_UMBRELLA = "OSI Approved"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The licence as the manifest says it, and why the package is left out; empty for one that is taken."""

    licence: str
    reason: str = ""


def judge(metadata: Message) -> Verdict:
    """By the SPDX expression where there is one, else by the classifiers and the free text together."""
    expression = _field(metadata, "License-Expression")
    if expression:
        return _verdict(expression, [expression])
    names = [name for line in metadata.get_all("Classifier", []) if (name := _classified(str(line)))]
    text = _field(metadata, "License")
    if len(text) > MAX_FREE_TEXT:
        text = "" if names and not COPYLEFT.search(text) else text[:MAX_FREE_TEXT]
    parts = [*names, text] if text else names
    return _verdict(" AND ".join(dict.fromkeys(parts)), parts)


def is_permissive(expression: str) -> bool:
    """Of one expression. A name that holds an operator's sign itself (`zlib/libpng`) is looked up whole first."""
    if expression.count("(") == expression.count(")") and _plain(expression) in PERMISSIVE:
        return True
    tokens = [token.strip() for token in _OPERATOR.split(expression) if token.strip()]
    parser = _Parser(tokens)
    return parser.any_of() and parser.is_done


class _Parser:
    """OR binds weaker than AND; WITH names an exception, which takes nothing away."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens[::-1]

    @property
    def is_done(self) -> bool:
        return not self._tokens

    def any_of(self) -> bool:
        found = self._all_of()
        while self._takes("or", "|"):
            found = self._all_of() or found
        return found

    def _all_of(self) -> bool:
        found = self._one()
        while self._takes("and", ",", ";", "/", "&"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self._takes("("):
            found = self.any_of()
            return self._takes(")") and found
        name = self._tokens.pop() if self._tokens else ""
        if self._takes("with"):
            self._tokens = self._tokens[:-1]
        return _plain(name) in PERMISSIVE

    def _takes(self, *operators: str) -> bool:
        if self._tokens and self._tokens[-1].lower() in operators:
            self._tokens.pop()
            return True
        return False


def _verdict(licence: str, parts: list[str]) -> Verdict:
    shown = " ".join(licence.split())
    bad = next((part for part in parts if not is_permissive(part)), None)
    if bad is None:
        return Verdict(shown) if parts else Verdict("", "licence not said")
    return Verdict(shown, "licence copyleft" if COPYLEFT.search(bad) else "licence unknown")


def _plain(name: str) -> str:
    """`Apache License, Version 2.0` → `apache 2.0`."""
    return " ".join(_NOISE.sub(" ", name.lower()).split())


def _classified(line: str) -> str:
    if not line.startswith(_CLASSIFIER):
        return ""
    name = line.rsplit(" :: ", 1)[-1].strip()
    return "" if name == _UMBRELLA else name


def _field(metadata: Message, name: str) -> str:
    value = str(metadata.get(name, "") or "").strip()
    return "" if value.upper() in ("UNKNOWN", "NONE") else value
