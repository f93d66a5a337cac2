"""llama-server's own `/completion`: tokens in the prompt, and what its vocabulary has, by `/tokenize` and `/props`."""

from __future__ import annotations

from codels.backends import remotetext as read
from codels.backends.remotekinds import Chunk, Event, Fetch, Met, Token, spelled, temperature
from codels.backends.remoteline import Question
from codels.endpoint import Endpoint
from codels.generation import BOS, Prompt, SamplingParams
from codels.seams import seams


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
            "temperature": temperature(params),
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
        return Chunk(spelled(text, tokens), why, n_prompt, n_reused, bool(tokens), is_last=bool(why))


def _tokenized(fetch: Fetch, text: str, has_bos: bool) -> tuple[int, ...]:
    body = {"content": text, "add_special": has_bos, "parse_special": True}
    found = fetch(Question("/tokenize", body)).get("tokens")
    return tuple(map(read.count, found)) if isinstance(found, list) else ()
