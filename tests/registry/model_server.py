"""A server for models on loopback, whose answer is written down: its tokens are characters. It speaks as vLLM or
llama-server do, and does whatever a fault makes it do instead.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]

BOS_ID = 1


@dataclass
class ModelServer:
    """Each fault takes one completion: it answers itself. `left` is set when a client closes during an answer."""

    answer: str = "return a + b\n"
    window: int = 4096
    markers: tuple[str, ...] = ()
    step_ms: int = 0
    has_logprobs: bool = True
    address: str = ""
    faults: list[Callable[[Handler], None]] = field(default_factory=list)
    seen: list[tuple[str, Json, dict[str, str]]] = field(default_factory=list)
    """Path, body and headers of each completion."""
    n_connections: int = 0
    left: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    cached: list[int] = field(default_factory=list)

    def tokens(self, prompt: object) -> list[int]:
        """As a tokenizer that finds markers in any text; lists hold texts and ids."""
        if isinstance(prompt, int):
            return [prompt]
        if isinstance(prompt, list):
            return [token for piece in prompt for token in self.tokens(piece)]
        assert isinstance(prompt, str)
        for index, marker in enumerate(self.markers):
            before, found, after = prompt.partition(marker)
            if found:
                return [*self.tokens(before), 2_000_000 + index, *self.tokens(after)]
        return list(map(ord, prompt))

    @property
    def prompts(self) -> list[Any]:
        return [body["prompt"] for _, body, _ in self.seen]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: ModelServer

    def setup(self) -> None:
        super().setup()
        self.server_of.n_connections += 1

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        model, window = self.server_of, self.server_of.window
        if self.path.endswith("/models"):
            self.json({"object": "list", "data": [{"id": "m", "object": "model", "max_model_len": window}]})
        elif self.path.endswith("/props"):
            self.json({"default_generation_settings": {"n_ctx": window}, "model_path": "/models/m.gguf"})
        else:
            self.json({"error": {"message": model.answer}}, 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model = self.server_of
        if self.path.endswith("/tokenize"):
            bos = [BOS_ID] if body["add_special"] else []
            self.json({"tokens": bos + model.tokens(body["content"])})
            return
        model.seen.append((self.path, body, dict(self.headers)))
        try:
            if model.faults:
                model.faults.pop(0)(self)
            else:
                self.complete(body)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            model.left.set()

    def complete(self, body: Json) -> None:
        model, tokens = self.server_of, self.server_of.tokens(body["prompt"])
        n_asked = body.get("max_tokens", body.get("n_predict"))
        if len(tokens) > model.window - n_asked:
            said = f"the context size is {model.window} tokens, however the prompt has {len(tokens)} input tokens"
            self.json({"error": {"message": said, "code": 400}}, 400)
            return
        n_same = next((n for n, pair in enumerate(zip(tokens, model.cached, strict=False)) if pair[0] != pair[1]), None)
        n_same = min(len(tokens), len(model.cached)) if n_same is None else n_same
        n_reused, model.cached = max(0, min(n_same, len(tokens) - 1)), tokens
        stops = [(at, stop) for stop in body["stop"] if (at := model.answer.find(stop)) >= 0]
        end, stop = min(stops, default=(len(model.answer), ""))
        say = self.say_llama if self.path.endswith("/completion") else self.say_openai
        self.begin("text/event-stream")
        for char in model.answer[: min(end, n_asked)]:
            time.sleep(model.step_ms / 1000)
            self.event(say(char, "", "", (len(tokens), n_reused)))
        self.event(
            say(
                "",
                "limit" if end >= n_asked and not (stop and end == n_asked) else "end",
                stop,
                (len(tokens), n_reused),
            )
        )
        if say == self.say_openai:
            counts = {"prompt_tokens": len(tokens), "prompt_tokens_details": {"cached_tokens": n_reused}}
            self.event({"choices": [], "usage": counts})
            self.send(b"data: [DONE]\n\n")
        self.end()

    def say_openai(self, text: str, why: str, stop: str, _counts: tuple[int, int]) -> Json:
        reason = {"limit": "length", "end": "stop", "": None}[why]
        choice: Json = {"index": 0, "text": text, "finish_reason": reason, "stop_reason": stop or None}
        if text and self.server_of.has_logprobs:
            choice["logprobs"] = {"tokens": [text], "token_logprobs": [-0.1], "text_offset": [0]}
        return {"id": "cmpl-1", "object": "text_completion", "model": "m", "choices": [choice]}

    def say_llama(self, text: str, why: str, stop: str, counts: tuple[int, int]) -> Json:
        said: Json = {"content": text, "stop": bool(why), "tokens_evaluated": counts[0]}
        said["timings"] = {"cache_n": counts[1]}
        if text and self.server_of.has_logprobs:
            said["completion_probabilities"] = [{"id": ord(text), "token": text, "logprob": -0.1}]
        if why:
            said["stop_type"] = "word" if stop and why == "end" else {"limit": "limit", "end": "eos"}[why]
        return said

    def json(self, said: object, status: int = 200, **headers: str) -> None:
        self.answer(json.dumps(said).encode(), "application/json", status, **headers)

    def answer(self, data: bytes, kind: str, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def begin(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, said: object) -> None:
        self.send(b"data: " + json.dumps(said).encode() + b"\n\n")

    def send(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def wait_for_client_to_leave(self) -> None:
        """Until the client closes the connection, or the test is over; at most some seconds."""
        self.connection.settimeout(20)
        with suppress(OSError):
            if not self.connection.recv(1):
                self.server_of.left.set()
        self.close_connection = True


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Clients leave in the middle: that is what is tested."""


@contextmanager
def serving(model: ModelServer, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[ModelServer]:
    handler = type("Handler", (Handler,), {"server_of": model})
    with _Http(("127.0.0.1", port), handler) as http:
        if tls:
            http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        model.address = f"{'https' if tls else 'http'}://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield model
        model.over.set()
        http.shutdown()
        thread.join()
