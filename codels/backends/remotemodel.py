"""A server as a backend: what it is, and its answers as steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace

from codels.backends import LoadSpec, ModelInfo, remotewords
from codels.backends.deadline import Deadline
from codels.backends.remoteanswer import Answer
from codels.backends.remotehttp import Server
from codels.backends.remotekinds import Chunk, Dialect, Met
from codels.backends.remoteline import Late, Patience, Question
from codels.backends.remotellama import LlamaServer
from codels.backends.remoteopenai import OpenAI
from codels.cancel import CancelToken
from codels.endpoint import Endpoint, Kind
from codels.errors import Cancelled, MarkerMissing, PromptTooLong, RemoteError
from codels.generation import Part, Prompt, SamplingParams, Step

MEET_S = 120.0
"""For all that a server is asked at the start: Ollama loads a model then, and gives that up when nobody waits."""

LONGEST_S = 600.0
"""For one answer without a limit of its own."""

DEFAULT_WINDOW = 4096
"""Tokens, where neither card nor server says more."""

N_AFTER = 3
"""Events behind the end of an answer: what it has cost, and that it is over. Who sends more is left."""

_FATAL = (400, 401, 403, 404, 405, 422)
"""What no second try helps."""

_CHOOSY = (400, 422, 500, 501)
"""What servers say to fields that they do not know, or cannot serve."""


DIALECTS: dict[Kind, Callable[[Endpoint, tuple[str, ...]], Dialect]] = {
    Kind.OPENAI: OpenAI,
    Kind.LLAMA_SERVER: LlamaServer,
}


_LOGPROBS = "it says how likely its tokens are"
_NO_LOGPROBS = "it does not say how likely its tokens are: each counts as certain, and nothing is held back as unsure"


class RemoteModel:
    def __init__(self, spec: LoadSpec, endpoint: Endpoint, key: str) -> None:
        self._spec, self._endpoint = spec, endpoint
        self._server = Server(endpoint, key)
        self._dialect = DIALECTS[endpoint.kind](endpoint, spec.markers)
        self._met: Met | None = None
        self._ids = {marker: -2 - index for index, marker in enumerate(spec.markers)}
        self.info = ModelInfo("", DEFAULT_WINDOW)

    def introduce(self, cancel: CancelToken) -> None:
        """Ask the server what it is, and write `info`. Raises `RemoteError` where another try would not help."""
        deadline, name = Deadline(0), self._endpoint.model or "the first model that it names"
        try:
            met = self._meet(Patience(cancel, time.monotonic() + MEET_S))
            plan = [f"{self._endpoint.url} answered in {deadline.ms():.0f} ms: {name}"]
            plan += [_LOGPROBS if met.has_logprobs else _NO_LOGPROBS]
        except (RemoteError, Late) as error:
            if isinstance(error, RemoteError) and error.status in _FATAL:
                raise
            reason = str(error) or f"{self._endpoint.host} did not answer within {MEET_S:.0f} s"
            met, plan = Met(self._endpoint.model), [f"{reason} (each key tries again)"]
        window, host = self._window(met), self._endpoint.host
        plan += [f"context {window:,} tokens", *filter(None, [self._endpoint.notice])]
        markers = self._spec.markers if met.markers is None else tuple(met.markers)
        description = f"{name} at {host}"  # the card's word: the server's might hold anything
        self.info = ModelInfo(description, window, markers, device=host, plan=tuple(plan), can_heal=False)

    def _meet(self, patience: Patience) -> Met:
        """What the server is, by its own words and by one token behind `x`; remembered once it is known."""
        if self._met is None:
            met = self._dialect.meet(lambda question: self._server.fetch(question, patience))
            try:
                self._met = self._tried(met, patience)
            except RemoteError as error:
                if error.status not in _CHOOSY:
                    raise
                self._met = self._tried(replace(met, is_lean=True), patience)
        return self._met

    def _tried(self, met: Met, patience: Patience) -> Met:
        question = self._dialect.question(Prompt((Part("x"),)), SamplingParams(1), met)
        with closing(self._chunks(question, patience)) as chunks:
            has_logprobs = [chunk.has_logprobs for chunk in chunks]  # to the end: the connection is kept
        return replace(met, has_logprobs=any(has_logprobs))

    def _window(self, met: Met) -> int:
        known = filter(None, (self._spec.context_window, self._spec.max_window, met.context_window))
        return min(known, default=DEFAULT_WINDOW)

    def tokenize(self, part: Part) -> list[int]:
        """Ids made up here, one a character: only the server knows its own."""
        if not part.special:
            return [ord(char) for char in part.text]
        if part.text and part.text not in self.info.markers:
            raise MarkerMissing(part.text)
        return [self._ids[part.text]] if part.text else list(self._met.bos if self._met else ())

    def generate(self, prompt: Prompt, params: SamplingParams, cancel: CancelToken) -> Iterator[Step]:
        """Raises what a backend does, and `RemoteError`. A reader who leaves early closes the request."""
        answer = Answer(prompt, params, self._spec.markers)
        until = time.monotonic() + (params.max_ms / 1000 if params.max_ms else LONGEST_S)
        try:
            if not cancel.is_cancelled:
                yield from self._answered(answer, prompt, params, Patience(cancel, until))
        except PromptTooLong as error:
            n_limit = max(1, self.info.context_window - params.max_tokens)
            raise PromptTooLong(max(error.n_prompt, n_limit + 1), n_limit) from None
        except Late:
            answer.why = answer.why or "time"
        except Cancelled:
            pass
        yield answer.last("cancelled" if cancel.is_cancelled else answer.why)

    def _answered(self, answer: Answer, prompt: Prompt, params: SamplingParams, patience: Patience) -> Generator[Step]:
        """The steps but the last. Raises `RemoteError` where the answer breaks off, `Late`, `Cancelled`."""
        question, n_after = self._dialect.question(prompt, params, self._meet(patience)), 0
        with closing(self._chunks(question, patience)) as chunks:
            try:
                for chunk in chunks:
                    step = answer.take(chunk)
                    if step.token_ids:
                        yield step
                    n_after += bool(answer.why)
                    if answer.is_cut or n_after > N_AFTER or patience.cancel.is_cancelled:
                        return
            except RemoteError:
                if not answer.why:
                    raise
        if not answer.why:
            raise RemoteError(remotewords.broken_off(self._endpoint, "it ended without an end"))

    def close(self) -> None:
        self._server.close()

    def _chunks(self, question: Question, patience: Patience) -> Generator[Chunk]:
        with closing(self._server.events(question, patience)) as events:
            for event in events:
                chunk = self._dialect.chunk(event)
                if chunk.is_last:
                    self._server.keep()
                yield chunk
                if chunk.is_last:
                    return
