"""An answer from what a server sends: cut before stop texts and markers, held to the limit, and summed up."""

from __future__ import annotations

from dataclasses import replace

from codels.backends.deadline import Deadline
from codels.backends.llamatext import TextStream
from codels.backends.remotekinds import Chunk, Token
from codels.generation import Prompt, SamplingParams, Stats, Step


class Answer:
    """`why` it is over is empty before; `markers` are those that end it besides the prompt's."""

    def __init__(self, prompt: Prompt, params: SamplingParams, markers: tuple[str, ...]) -> None:
        self._ends = {**dict.fromkeys((*markers, *prompt.stop), "end"), **dict.fromkeys(params.stop, "stop")}
        self._stream = TextStream(tuple(self._ends))
        self._deadline, self._limit = Deadline(0), params.max_tokens
        self._said, self._pending, self._stats = "", Step(), Stats()
        self.why = ""

    @property
    def is_cut(self) -> bool:
        """Whether it ended here, and the server would go on."""
        return self._stream.is_stopped

    def take(self, chunk: Chunk) -> Step:
        """What is certain by now; no tokens where nothing is."""
        stats = self._stats
        prefill_ms = stats.prefill_ms or self._deadline.ms()
        n_prompt, n_reused = max(stats.n_prompt, chunk.n_prompt), max(stats.n_reused, chunk.n_reused)
        self._stats = replace(stats, n_prompt=n_prompt, n_reused=min(n_reused, n_prompt), prefill_ms=prefill_ms)
        for token in chunk.tokens:
            if not self.why:
                self._add(token)
        if chunk.why and not self.why:
            self.why = chunk.why
        if self.why and self._pending.token_ids:
            rest = self._stream.finish()
            ends = (*self._pending.ends[:-1], len(self._pending.text + rest))
            self._pending = replace(self._pending, text=self._pending.text + rest, ends=ends)
        elif self._stream.is_holding:
            return Step()
        step, self._pending = self._pending, Step()
        n_decoded = self._stats.n_decoded + len(step.token_ids)
        self._stats = replace(self._stats, n_decoded=n_decoded, decode_ms=self._deadline.ms() - prefill_ms)
        return replace(step, stats=self._stats)

    def last(self, why: str) -> Step:
        return Step(stats=replace(self._stats, why_stopped=why))

    def _add(self, token: Token) -> None:
        data = token.text.encode("utf-8", "replace")
        self._said += data.decode()
        self._pending += Step.of(self._stream.feed(data), token.id, token.logprob)
        if self._stream.is_stopped:
            self.why = min((self._said.find(end), why) for end, why in self._ends.items() if end in self._said)[1]
        elif self._stats.n_decoded + len(self._pending.token_ids) >= self._limit:
            self.why = "limit"
