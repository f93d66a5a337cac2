"""OpenAI's `/completions`, as vLLM, llama-server, Ollama, LM Studio, TGI and llama-cpp-python's server have it."""

from __future__ import annotations

from codels.backends import remotetext as read
from codels.backends.remotehttp import DONE
from codels.backends.remotekinds import Chunk, Event, Fetch, Met, Token, spelled, temperature
from codels.backends.remoteline import Question
from codels.endpoint import Endpoint
from codels.errors import RemoteError, UserError
from codels.generation import Prompt, SamplingParams

MAX_STOPS = 4
"""Of texts that OpenAI's API stops at; the others are looked for here."""


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
            "temperature": temperature(params),
            "stop": [*params.stop, *prompt.stop][:MAX_STOPS],
            "stream": True,
        }
        further = {
            "top_p": params.top_p,
            "seed": params.seed,
            "logprobs": 1,
            "stream_options": {"include_usage": True, "continuous_usage_stats": True},  # the latter is vLLM's
            "repetition_penalty": 1.0,  # vLLM and TGI: else the model's own, which is for chats
            "repeat_penalty": 1.0,  # Ollama and llama.cpp's kin: else 1.1 in some of them; code repeats itself
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
            return spelled(text, tokens), True
        return spelled(text, ()), False
