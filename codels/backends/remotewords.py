"""What a server's refusals and failures mean, in sentences that name its host and what helps.

Nothing that a server has written is quoted: it may hold the user's source code, the key, or anything else.
"""

from __future__ import annotations

import re

from codels.endpoint import Endpoint, Kind
from codels.errors import CodelsError, PromptTooLong, RemoteError

_TOO_LONG = re.compile(
    rb"exceed_context_size|context_length_exceeded|(?:context|model) (?:length|window|size)|prompt is too long", re.I
)

_N_PROMPT = re.compile(
    rb'"n_prompt_tokens":\s*(\d{1,9})|(\d{1,9}) (?:in (?:your|the) (?:prompt|messages)|input tokens)|'
    rb"prompt \(length (\d{1,9})\)"
)
_WINDOW = re.compile(
    rb'"n_ctx":\s*(\d{1,9})|(?:context|model) (?:length|window|size) (?:is|of|\() ?(\d{1,9})|'
    rb"exceed context window of (\d{1,9})"
)
"""As llama-server, vLLM and llama-cpp-python's server say it."""

_STATUS = {
    400: "refuses the request: are remote.url, remote.kind and remote.model of its card right?",
    401: "refuses the key: {key}",
    403: "does not allow this: {key}, or the key has no right to the model {model}",
    404: "has no {path}, or no model {model}: correct remote.url ({url}) or remote.model in the card",
    405: "has no {path}: correct remote.url ({url}) in the card",
    413: "finds the request too long: make codels.context_window smaller",
    422: "refuses the request: are remote.url, remote.kind and remote.model of its card right?",
    429: "has too many requests: wait a little, or use another server",
    500: "has failed: its log says why",
    502: "is not reached by its proxy: is the server behind it running?",
    503: "is not ready: it may be loading its model, or be too busy; wait a little",
    504: "is not reached by its proxy in time: is the server behind it running?",
}

_CLASSES = {
    3: "wants to lead elsewhere, which is not followed: write the address that it leads to as remote.url in the card",
    4: "refuses the request: are remote.url, remote.kind and remote.model of its card right?",
    5: "has failed: its log says why",
}


def refusal(endpoint: Endpoint, path: str, status: int, body: bytes, n_asked: int) -> CodelsError:
    """What a status other than 200 means; a prompt that was too long is told apart by the body."""
    if status in (400, 413, 422, 500) and _TOO_LONG.search(body):
        return _too_long(body, n_asked)
    words = _STATUS.get(status) or _CLASSES.get(status // 100, "answers with a status that nobody knows")
    said = words.format(
        key=_key(endpoint),
        model=repr(endpoint.model) if endpoint.model else "of the card",
        path=path,
        url="as llama-server is started, without /v1"
        if endpoint.kind is Kind.LLAMA_SERVER
        else "it mostly ends in /v1",
    )
    return RemoteError(f"{endpoint.host} {said} (HTTP {status})", status)


def _too_long(body: bytes, n_asked: int) -> PromptTooLong:
    window = _number(_WINDOW, body)
    n_limit = max(1, window - n_asked)
    return PromptTooLong(max(_number(_N_PROMPT, body), n_limit + 1), n_limit)


def _number(pattern: re.Pattern[bytes], body: bytes) -> int:
    match = pattern.search(body)
    return int(next(filter(None, match.groups()))) if match else 0


def _key(endpoint: Endpoint) -> str:
    if endpoint.key_env:
        return f"does the environment variable {endpoint.key_env} hold the right one?"
    return "name the environment variable that holds one as remote.key_env in the card"


def unreachable(endpoint: Endpoint, reason: str) -> str:
    """`reason` is the system's."""
    if "certificate" in reason.lower():
        return (
            f"the certificate of {endpoint.host} is not trusted: if it is your own, name its authority's file in the "
            "environment variable SSL_CERT_FILE"
        )
    return f"{endpoint.host} cannot be reached: is the server running, and is remote.url in the card right?"


def silent(endpoint: Endpoint) -> str:
    return f"{endpoint.host} does not answer: is it overloaded, or a firewall in between?"


def broken_off(endpoint: Endpoint, reason: str) -> str:
    return (
        f"{endpoint.host} broke its answer off: {reason}. Its log may say why; a prompt longer than its context is one "
        "cause (context_window in the card)"
    )


def garbled(endpoint: Endpoint, what: str) -> str:
    return f"{endpoint.host} sends {what}: is it a server for models, and is remote.kind in the card right?"


def strange(endpoint: Endpoint, path: str, content_type: str) -> str:
    kind = content_type if re.fullmatch(r"[a-z0-9.+/-]{1,40}", content_type) else "something else"
    return (
        f"{endpoint.host} answers {path} with {kind}, as a web page or a proxy does and no server for models: correct "
        "remote.url in the card"
    )
