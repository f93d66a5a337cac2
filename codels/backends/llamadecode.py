"""One answer, token by token. Imports llama.cpp where beams search."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

from codels.backends.copying import Copied
from codels.backends.deadline import Deadline
from codels.backends.kvcache import KvCache
from codels.backends.llamatext import AnswerText
from codels.backends.plan import N_SLICE
from codels.cancel import CancelToken
from codels.errors import ModelError
from codels.generation import SamplingParams, Step

if TYPE_CHECKING:
    from codels.backends.llamanative import Context
    from codels.backends.llamasampling import Sampler

Copying = Callable[[Sequence[int]], Copied | None]
"""What may be copied behind the answer so far."""

Found = tuple[int, float]
"""A token and its natural log-probability."""


class Chooser(Protocol):
    """Chooses the next token from the logits evaluated last."""

    def next(self, allowed: list[int], banned: tuple[int, ...], copied: Copied | None, /) -> Found | None:
        """None where no token may come. Empty `allowed` means any."""
        ...


@dataclass(slots=True)
class Tokens:
    """Those of one answer, behind the prompt at work in `cache`. `planned` were searched for, and come first."""

    sampler: Chooser
    cache: KvCache
    copying: Copying
    cancel: CancelToken
    clock: Deadline
    planned: deque[Found] = field(default_factory=deque)
    _said: list[int] = field(default_factory=list)
    _n_read: int = 0

    @property
    def is_over(self) -> bool:
        return self.cancel.is_cancelled or self.clock.is_late

    def search(self, context: Context, heal: bytes, params: SamplingParams, n_beams: int) -> None:
        """Plan the first line. Greedy decoding needs none, and chance and grammars leave none to plan."""
        if n_beams < 2 or params.temperature > 0 or params.grammar:
            return
        from codels.backends.llamasearch import LineSearch

        search = LineSearch(context, cast("Sampler", self.sampler), self.copying, self.cache)
        try:
            line = search.first_line(heal, params, n_beams, lambda: self.is_over)
        except ModelError:
            self.cache.keep(0)
            raise
        self.planned.extend(zip(line.tokens, line.logprobs, strict=True))

    def next(self, text: AnswerText) -> Found | str:
        """The next one, or why there is none."""
        if self.cancel.is_cancelled or (self.clock.is_late and not self.planned):
            return "cancelled" if self.cancel.is_cancelled else "time"
        if self.planned:
            found: Found | None = self.planned.popleft()
        elif self._read():
            found = self.sampler.next(text.allowed, text.avoid, self.copying(self._said))
        else:
            found = None
        if not found:
            return "limit"
        self._said.append(found[0])
        return found

    def _read(self) -> bool:
        """Evaluate, in slices, what was said and not read yet; False where that was cancelled or has no room."""
        unread, self._n_read = self._said[self._n_read :], len(self._said)
        return all(self.cache.evaluate(unread[start : start + N_SLICE]) for start in range(0, len(unread), N_SLICE))


def steps(tokens: Tokens, text: AnswerText, ends: frozenset[int]) -> Generator[Step, None, str]:
    """What each token says, up to one of `ends`. Returns why the answer stopped."""
    while isinstance(found := tokens.next(text), tuple):
        token, logprob = found
        if token in ends:
            yield Step.of("", token, logprob)
            return "end"
        yield Step.of(text.take(token), token, logprob)
        if text.why_over:
            return text.why_over
    return found
