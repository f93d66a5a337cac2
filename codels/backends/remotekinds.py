"""What servers want to be asked, and how they answer: OpenAI's `/completions`, and llama-server's own `/completion`.

A `Dialect` turns a prompt into a question and an event into a `Chunk`. Nothing that a server says is believed: numbers
have limits, and what has another type than it should is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from codels.backends import remotetext as read
from codels.backends.remotehttp import DONE
from codels.backends.remoteline import Question
from codels.endpoint import Endpoint, Kind
from codels.errors import RemoteError, UserError
from codels.generation import BOS, Prompt, SamplingParams
from codels.seams import seams

Event = Mapping[str, Any]
Fetch = Callable[[Question], Event]

MAX_STOPS = 4
"""Of texts that OpenAI's API stops at; the others are looked for here."""

OTHERWISE = 0.7
"""The temperature of answers other than the likeliest, where that one is known."""


@dataclass(frozen=True, slots=True)
class Token:
    """`id` is 0 where the server does not say."""

    text: str
    logprob: float = 0.0
    id: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer. `why` is `end`, `stop` or `limit` where it is over; counts are 0 where nobody knows."""

    tokens: tuple[Token, ...] = ()
    why: str = ""
    n_prompt: int = 0
    n_reused: int = 0
    has_logprobs: bool = False
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Met:
    """What a server says of itself before it is asked for code. `context_window` 0: it does not say."""

    model: str
    context_window: int = 0
    markers: Mapping[str, int] | None = None
    """Those that are single tokens of its vocabulary; None: nobody knows."""
    bos: tuple[int, ...] = ()
    has_logprobs: bool = False
    is_lean: bool = False
    """Whether it refuses what not all servers know."""


class Dialect(Protocol):
    """`markers` are those that prompts may hold."""

    def meet(self, fetch: Fetch) -> Met: ...

    def question(self, prompt: Prompt, params: SamplingParams, met: Met) -> Question: ...

    def chunk(self, event: Event) -> Chunk: ...


class OpenAI:
    """The prompt is one text, in which servers find markers; so none may stand in the user's part of it."""

    def __init__(self, endpoint: Endpoint, markers: tuple[str, ...]) -> None:
        self._model, self._markers = endpoint.model, markers

    def meet(self, fetch: Fetch) -> Met:
        try:
            rows = read.rows(fetch(Question("/models")).get("data"))
        except RemoteError as error:
            if not self._model or error.status not in (404, 405):
                raise
            rows = []  # a server that names no models may have this one
        named = [row for row in rows if self._model in ("", row.get("id"))]
        row = named[0] if named else {}
        return Met(self._model or read.text(row.get("id")), read.count(row.get("max_model_len")))

    def question(self, prompt: Prompt, params: SamplingParams, met: Met) -> Question:
        if params.grammar:
            raise UserError("this server cannot hold its answers to a grammar: llama-server can (remote.kind)")
        text = "".join(
            part.text if part.special else read.without(part.text, self._markers)
            for part in read.joined(prompt, self._markers)
        )
        body = {
            "model": met.model,
            "prompt": text,
            "max_tokens": params.max_tokens,
            "temperature": _temperature(params),
            "stop": [*params.stop, *prompt.stop][:MAX_STOPS],
            "stream": True,
        }
        further = {
            "top_p": params.top_p,
            "seed": params.seed,
            "logprobs": 1,
            "stream_options": {"include_usage": True, "continuous_usage_stats": True},  # the latter is vLLM's
            "skip_special_tokens": False,  # vLLM: else an answer would go on behind a marker, unseen
        }
        return Question("/completions", body if met.is_lean else {**body, **further})

    def chunk(self, event: Event) -> Chunk:
        if event is DONE:
            return Chunk(why="end", is_last=True)
        usage = read.fields(event.get("usage"))
        n_reused = read.count(read.fields(usage.get("prompt_tokens_details")).get("cached_tokens"))
        first = next(iter(read.rows(event.get("choices"))), {})
        tokens, has_logprobs = self._tokens(read.text(first.get("text")), read.fields(first.get("logprobs")))
        why = {"length": "limit", "stop": "end"}.get(read.text(first.get("finish_reason")), "")
        if why == "end" and read.text(first.get("stop_reason")):  # vLLM's word for the text that it stopped at
            why = "stop"
        return Chunk(tokens, why, read.count(usage.get("prompt_tokens")), n_reused, has_logprobs)

    def _tokens(self, text: str, said: Event) -> tuple[tuple[Token, ...], bool]:
        """The text in tokens where the server says which; else all of it counts as one."""
        texts, logprobs = said.get("tokens"), said.get("token_logprobs")
        if isinstance(texts, list) and isinstance(logprobs, list) and len(texts) == len(logprobs) > 0:
            tokens = tuple(Token(read.text(t), read.logprob(p)) for t, p in zip(texts, logprobs, strict=True))
            return _spelled(text, tokens), True
        return _spelled(text, ()), False


class LlamaServer:
    """The prompt is a list of texts and tokens: text is tokenized piece by piece, so that none becomes a marker."""

    def __init__(self, endpoint: Endpoint, markers: tuple[str, ...]) -> None:
        self._model, self._markers = endpoint.model, markers

    def meet(self, fetch: Fetch) -> Met:
        props = fetch(Question("/props"))
        window = read.count(read.fields(props.get("default_generation_settings")).get("n_ctx"))
        found = {marker: _tokenized(fetch, marker, has_bos=False) for marker in self._markers}
        ids = {marker: tokens[0] for marker, tokens in found.items() if len(tokens) == 1}
        name = read.text(props.get("model_alias")) or read.text(props.get("model_path")).rpartition("/")[2]
        return Met(self._model or name, window, ids, _tokenized(fetch, "", has_bos=True)[:1])

    def question(self, prompt: Prompt, params: SamplingParams, met: Met) -> Question:
        body = {
            "prompt": self._prompt(prompt, met),
            "n_predict": params.max_tokens,
            "temperature": _temperature(params),
            "top_k": params.top_k,
            "top_p": params.top_p,
            "seed": params.seed,
            "stop": [*params.stop, *prompt.stop],
            "n_probs": 1,
            "return_tokens": True,
            "cache_prompt": True,
            "stream": True,
            **({"grammar": params.grammar} if params.grammar else {}),
        }
        return Question("/completion", body)

    def _prompt(self, prompt: Prompt, met: Met) -> str | list[int | str]:
        ids, pieces = met.markers or {}, list[int | str]()
        for part in read.joined(prompt, tuple(ids)):
            if part is BOS:
                pieces += met.bos
            elif part.special:
                pieces.append(ids[part.text])
            else:
                pieces += filter(None, seams(self._markers).split(part.text) if self._markers else [part.text])
        if any(isinstance(piece, int) for piece in pieces):
            return pieces
        return read.without("".join(map(str, pieces)), self._markers)  # a list of texts alone would be several prompts

    def chunk(self, event: Event) -> Chunk:
        text, timings = read.text(event.get("content")), read.fields(event.get("timings"))
        rows = read.rows(event.get("completion_probabilities"))
        tokens = tuple(
            Token(read.text(r.get("token")), read.logprob(r.get("logprob")), read.count(r.get("id"))) for r in rows
        )
        why = ""
        if event.get("stop") is True:
            why = {"limit": "limit", "word": "stop"}.get(read.text(event.get("stop_type")), "end")
        n_prompt = read.count(event.get("tokens_evaluated"))
        n_reused = read.count(timings.get("cache_n"))
        return Chunk(_spelled(text, tokens), why, n_prompt, n_reused, bool(tokens), is_last=bool(why))


DIALECTS: dict[Kind, Callable[[Endpoint, tuple[str, ...]], Dialect]] = {
    Kind.OPENAI: OpenAI,
    Kind.LLAMA_SERVER: LlamaServer,
}


def _tokenized(fetch: Fetch, text: str, has_bos: bool) -> tuple[int, ...]:
    body = {"content": text, "add_special": has_bos, "parse_special": True}
    found = fetch(Question("/tokenize", body)).get("tokens")
    return tuple(map(read.count, found)) if isinstance(found, list) else ()


def _spelled(text: str, tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """The tokens where they spell the text, else the text as one, as likely as they are together."""
    if "".join(token.text for token in tokens) == text:
        return tuple(token for token in tokens if token.text)
    return (Token(text, sum(token.logprob for token in tokens)),) if text else ()


def _temperature(params: SamplingParams) -> float:
    """Tokens to avoid cannot be said to every server: another answer is drawn with its seed."""
    return params.temperature or (OTHERWISE if params.avoid or params.seed else 0.0)
