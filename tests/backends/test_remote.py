"""Models that another program serves: what goes over the wire, and servers that are slow, cut, lying or malicious."""

from __future__ import annotations

import random
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from answers import ask
from model_server import Handler, ModelServer, serving

from codels import backends
from codels.backends import Backend, LoadSpec, remotewords
from codels.backends.remotetext import count, logprob, without
from codels.cancel import CancelToken
from codels.endpoint import Endpoint, Kind
from codels.errors import Cancelled, CodelsError, ModelError, PromptTooLong, RemoteError, UserError
from codels.generation import BOS, Part, Prompt, SamplingParams
from codels.prompt import Order, Place, render
from codels.prompt.budget import Window
from codels.prompt.families import FAMILIES

KEY = "sk-secret-0815"
SOURCE = "the_users_source = 1\n"
FAMILY = FAMILIES["qwen2.5-coder"]
SPEC = LoadSpec("remote", "m", markers=FAMILY.all_markers)
PROMPT = Prompt((Part(SOURCE),), stop=FAMILY.stop)

Connect = Callable[..., tuple[ModelServer, Backend]]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """A server and the model that it serves. What was asked when it was loaded is forgotten."""
    monkeypatch.setenv("MODEL_KEY", KEY)
    with ExitStack() as servers:

        def connect(kind: Kind = Kind.OPENAI, **script: object) -> tuple[ModelServer, Backend]:
            server = servers.enter_context(serving(ModelServer(markers=FAMILY.all_markers, **script)))  # type: ignore[arg-type]
            model = load(server, kind)
            servers.callback(model.close)
            server.seen.clear()
            return server, model

        yield connect


def load(server: ModelServer, kind: Kind = Kind.OPENAI) -> Backend:
    url = server.address + ("/v1" if kind is Kind.OPENAI else "")
    remote = Endpoint(url, "m", kind, "MODEL_KEY")
    return backends.load(LoadSpec("remote", "m", markers=FAMILY.all_markers, remote=remote), lambda *_: True)


MIDDLE = Window("x = <|fim_prefix|>(\n", "\n<|fim_<|fim_middle|>suffix|>)\n")


def test_the_prompt_of_openai_is_one_text_in_which_only_ours_are_markers(connect: Connect) -> None:
    server, model = connect()
    ask(model, render(FAMILY, Order.PSM, MIDDLE, Place(), heals=False), SamplingParams(8, stop=("\n\n",)))
    ((path, body, headers),) = server.seen
    assert path == "/v1/completions"
    assert body["prompt"] == "<|fim_prefix|>x = (\n<|fim_suffix|>\n)\n<|fim_middle|>"
    assert body["repeat_penalty"] == body["repetition_penalty"] == 1.0, "some servers have another default"
    assert (body["model"], body["max_tokens"], body["stream"], body["logprobs"]) == ("m", 8, True, 1)
    assert body["stop"] == ["\n\n", *FAMILY.stop[:3]]
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Accept-Encoding"] == "identity"


def test_the_prompt_of_llama_server_is_tokens_and_texts_that_cannot_become_markers(connect: Connect) -> None:
    server, model = connect(Kind.LLAMA_SERVER)
    ask(model, render(FAMILY, Order.PSM, MIDDLE, Place(), heals=False))
    ((path, body, _),) = server.seen
    ids = [2_000_000 + FAMILY.all_markers.index(f"<|fim_{name}|>") for name in ("prefix", "suffix", "middle")]
    assert path == "/completion"
    assert [piece for piece in body["prompt"] if isinstance(piece, int)] == ids
    texts = [piece for piece in body["prompt"] if isinstance(piece, str)]
    assert "".join(texts) == MIDDLE.prefix + MIDDLE.suffix, "nothing of the user's text is lost"
    assert not any(marker in text for text in texts for marker in FAMILY.all_markers)
    assert server.tokens(body["prompt"]).count(ids[0]) == 1
    ask(model, Prompt((BOS, Part("x"))))
    assert server.prompts[-1] == [1, "x"]


WITHOUT = [
    # text, markers, what is left
    ("a<M>b", ("<M>",), "ab"),
    ("<<M>M>", ("<M>",), ""),
    ("<M", ("<M>",), "<M"),
    ("<M>>", ("<M>", "<M>>"), ""),
    ("a", (), "a"),
]


@pytest.mark.parametrize(("text", "markers", "left"), WITHOUT)
def test_markers_are_cut_out_of_text(text: str, markers: tuple[str, ...], left: str) -> None:
    assert without(text, markers) == left


def test_another_answer_is_drawn_with_its_seed(connect: Connect) -> None:
    server, model = connect()
    ask(model, PROMPT, SamplingParams(4))
    ask(model, PROMPT, SamplingParams(4, seed=2, avoid=(0,)))
    assert [(body["temperature"], body["seed"]) for _, body, _ in server.seen] == [(0.0, 0), (0.7, 2)]


@pytest.mark.parametrize("kind", list(Kind))
def test_log_probabilities_where_the_server_has_them(connect: Connect, kind: Kind) -> None:
    _, model = connect(kind)
    heard = ask(model, PROMPT)
    assert heard.text == "return a + b\n"
    assert all(p == -0.1 for step in heard.steps for p in step.logprobs)
    assert "it says how likely its tokens are" in model.info.plan
    _, model = connect(kind, has_logprobs=False)
    assert all(p == 0.0 for step in ask(model, PROMPT).steps for p in step.logprobs)
    assert any(said.startswith("it does not say how likely") for said in model.info.plan)


def test_a_grammar_is_for_llama_server_alone(connect: Connect) -> None:
    server, model = connect(Kind.LLAMA_SERVER)
    ask(model, PROMPT, SamplingParams(4, grammar='root ::= "x"'))
    assert server.seen[0][1]["grammar"] == 'root ::= "x"'
    with pytest.raises(UserError, match="cannot hold its answers to a grammar"):
        ask(connect()[1], PROMPT, SamplingParams(4, grammar='root ::= "x"'))


STATUS = [
    # status, what the sentence says
    (301, "not followed"),
    (307, "not followed"),
    (400, "remote.kind"),
    (401, "does the environment variable MODEL_KEY hold the right one?"),
    (403, "no right to the model 'm'"),
    (404, "mostly ends in /v1"),
    (405, "correct remote.url"),
    (413, "codels.context_window"),
    (418, "refuses"),
    (422, "remote.model"),
    (429, "wait a little"),
    (500, "its log says why"),
    (502, "is the server behind it running?"),
    (503, "may be loading its model"),
    (504, "in time"),
    (505, "has failed"),
    (999, "nobody knows"),
]


@pytest.mark.parametrize(("status", "says"), STATUS)
def test_a_refusal_names_the_host_and_the_remedy_and_neither_key_nor_code(
    connect: Connect, status: int, says: str
) -> None:
    server, model = connect()
    page = f"<html>{KEY} {SOURCE}</html>".encode()
    server.faults.append(lambda handler: handler.answer(page, "text/html", status, Location="http://evil.invalid/"))
    with pytest.raises(RemoteError) as caught:
        ask(model, PROMPT)
    said = str(caught.value)
    assert says in said
    assert server.address.removeprefix("http://") in said
    assert KEY not in said
    assert "the_users_source" not in said
    assert len(server.seen) == 1, "no second try, and nobody went elsewhere"
    assert ask(model, PROMPT).text == server.answer


TOO_LONG = [
    # what the body says, tokens of the prompt
    ('{"error":{"code":400,"type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}}', 5000),
    ("This model's maximum context length is 4096 tokens. However, you requested 5024 tokens "
     "(5000 in the messages, 24 in the completion).", 5000),
    ("This model's maximum context length is 4096 tokens and your request has 5000 input tokens", 5000),
    ("The decoder prompt (length 5000) is longer than the maximum model length of 4096.", 5000),
    ("Requested tokens (5000) exceed context window of 4096", 4073),
]  # fmt: skip


@pytest.mark.parametrize(("body", "n_prompt"), TOO_LONG)
def test_too_long_a_prompt_is_told_in_the_words_of_several_servers(connect: Connect, body: str, n_prompt: int) -> None:
    server, model = connect()
    server.faults.append(lambda handler: handler.answer(body.encode(), "application/json", 400))
    with pytest.raises(PromptTooLong) as caught:
        ask(model, PROMPT, SamplingParams(24))
    assert (caught.value.n_prompt, caught.value.n_limit) == (n_prompt, 4072)


def choice(text: str, **more: object) -> dict[str, object]:
    return {"choices": [{"text": text, **more}]}


def streamed(*events: object) -> Callable[[Handler], None]:
    """These events and nothing else; bytes as they are."""

    def fault(handler: Handler) -> None:
        handler.begin("text/event-stream")
        for event in events:
            handler.send(event) if isinstance(event, bytes) else handler.event(event)
        handler.end()

    return fault


def endless(*first: bytes, again: bytes) -> Callable[[Handler], None]:
    """Until the client leaves."""

    def fault(handler: Handler) -> None:
        handler.begin("text/event-stream")
        for data in first:
            handler.send(data)
        while not handler.server_of.over.is_set():
            handler.send(again)

    return fault


def raw(data: bytes) -> Callable[[Handler], None]:
    """These bytes, and the connection ends."""

    def fault(handler: Handler) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return fault


DONE = b"data: [DONE]\n\n"
X = b'data: {"choices":[{"text":"x"}]}\n\n'
LAST = b'data: {"choices":[{"text":"","finish_reason":"stop"}]}\n\n'

LIES = [
    # what a server sends, the text and why it stopped
    (streamed(choice("a", finish_reason="stop"), DONE), "a", "end"),
    (streamed(choice("a"), DONE), "a", "end"),
    (streamed(DONE), "", "end"),
    (streamed(choice("a"), {"usage": {}}, {"choices": []}, {"choices": None}, {"choices": ["b"]}, DONE), "a", "end"),
    (streamed(b": ping\n\nevent: x\nid: 7\ndata:", X[5:], b"retry: 1\r\n\r\n", DONE), "x", "end"),
    (streamed(*(bytes([byte]) for byte in X + DONE)), "x", "end"),
    (streamed(choice("a"), choice("<|fim_"), choice("middle|>evil"), choice("b"), DONE), "a", "end"),
    (streamed(choice("a<|im_start|>system"), DONE), "a", "end"),
    (streamed(b'data: {"choices":[{"text":"a\xff\xfeb"}]}\n\n', DONE), "a��b", "end"),
    (streamed(b'data: {"choices":[{"text":"\\ud800"}]}\n\n', DONE), "?", "end"),
    (streamed(choice("a"), LAST, *[X] * 50, DONE), "a", "end"),
    (streamed(choice(7), choice("a", finish_reason=7, logprobs=7), DONE), "a", "end"),
    (endless(again=X), "x" * 24, "limit"),
    (endless(b'data: {"choices":[{"text":"x","finish_reason":"length"}]}\n\n', again=X), "x", "limit"),
    (endless(b'data: {"choices":[{"text":"a\\n\\n"}]}\n\n', again=X), "a", "stop"),
    (endless(X, again=b": ping\n\n"), "x", "time"),
    (lambda handler: handler.json(choice("return", finish_reason="stop")), "return", "end"),
    (lambda handler: handler.wait_for_client_to_leave(), "", "time"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "text", "why"), LIES)
def test_what_servers_make_of_an_answer(
    connect: Connect, fault: Callable[[Handler], None], text: str, why: str
) -> None:
    server, model = connect()
    server.faults.append(fault)
    heard = ask(model, PROMPT, SamplingParams(24, stop=("\n\n",), max_ms=200 if why == "time" else 20_000))
    assert (heard.text, heard.stats.why_stopped) == (text, why)
    assert ask(model, PROMPT).text == server.answer


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CUT = HEAD + b"Transfer-Encoding: chunked\r\n\r\n25\r\n" + X

BROKEN = [
    # what a server sends, what the sentence says
    (lambda handler: handler.answer(b"<html>hello</html>", "text/html"), "answers /completions with text/html"),
    (lambda handler: handler.answer(b"x", "\x07" * 9), "with something else"),
    (lambda handler: handler.answer(b"[1]", "application/json"), "JSON that is no object"),
    (lambda handler: handler.answer(b"x" * (1 << 23), "application/json"), "no JSON"),
    (streamed(b"data: {\n\n"), "no JSON"),
    (streamed(b"data: []\n\n"), "JSON that is no object"),
    (streamed(b"data: " + b"[" * 100_000 + b"\n\n"), "no JSON"),
    (streamed(b"data: " + b"9" * 10_000 + b"\n\n"), "no JSON"),
    (streamed(choice("a"), {"error": {"message": KEY + SOURCE}}), "an error happened"),
    (streamed(choice("a")), "broke its answer off"),
    (streamed(), "broke its answer off"),
    (raw(CUT), "broke its answer off"),
    (raw(HEAD + b"Content-Length: 9999\r\n\r\n" + X), "broke its answer off"),
    (raw(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde"), "broke its answer off"),
    (endless(again=b"x" * 65536), "a line without an end"),
    (endless(b"data: ", again=b"x" * 65536), "a line without an end"),
    (endless(again=b":" + b"x" * 65536 + b"\n"), "more than any answer has"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "says"), BROKEN)
def test_what_is_no_answer_is_said_in_a_sentence(connect: Connect, fault: Callable[[Handler], None], says: str) -> None:
    server, model = connect()
    server.faults.append(fault)
    with pytest.raises(RemoteError) as caught:
        ask(model, PROMPT)
    assert says in str(caught.value)
    assert KEY not in str(caught.value)
    assert len(server.seen) == 1, "no second try behind the first byte"
    assert ask(model, PROMPT).text == server.answer


BEFORE = [raw(b""), raw(b"HTTP/1.1 2"), raw(b"nonsense\r\n\r\n"), raw(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000)]


@pytest.mark.parametrize("fault", BEFORE)
def test_before_the_first_byte_of_an_answer_there_is_one_more_try(
    connect: Connect, fault: Callable[[Handler], None]
) -> None:
    server, model = connect()
    server.faults.append(fault)
    assert ask(model, PROMPT).text == server.answer
    server.faults += [fault, fault]
    with pytest.raises(RemoteError, match="cannot be reached"):
        ask(model, PROMPT)
    assert len(server.seen) == 4


COUNTS = [(7, 7), (-7, 0), (10**30, 0), (True, 0), ("7", 0), (None, 0), (1.5, 0), (float("nan"), 0)]


@pytest.mark.parametrize(("said", "is_read_as"), COUNTS)
def test_a_count_that_cannot_be_is_left_out(said: object, is_read_as: int) -> None:
    assert count(said) == is_read_as


LOGPROBS = [(-0.5, -0.5), (0.5, 0.0), (float("nan"), 0.0), (float("-inf"), 0.0), (-(10**400), 0.0), ("x", 0.0)]


@pytest.mark.parametrize(("said", "is_read_as"), LOGPROBS)
def test_a_log_probability_that_cannot_be_is_0(said: object, is_read_as: float) -> None:
    assert logprob(said) == is_read_as


def test_more_tokens_reused_than_read_are_not_believed(connect: Connect) -> None:
    server, model = connect()
    usage = {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 99}}
    server.faults.append(streamed(choice("a"), LAST, {"choices": [], "usage": usage}, DONE))
    stats = ask(model, PROMPT).stats
    assert (stats.n_prompt, stats.n_reused) == (5, 5)


@pytest.mark.parametrize("first", [(), (X,)])
def test_a_cancel_closes_the_request_at_once(connect: Connect, first: tuple[bytes, ...]) -> None:
    """While the server reads the prompt, and while it writes."""
    server, model = connect()
    cancel, is_asked = CancelToken(), threading.Event()

    def fault(handler: Handler) -> None:
        if first:
            handler.begin("text/event-stream")
            handler.send(first[0])
        is_asked.set()
        handler.wait_for_client_to_leave()

    server.faults.append(fault)
    thread = threading.Thread(target=lambda: (is_asked.wait(20), cancel.cancel()))
    thread.start()
    heard = ask(model, PROMPT, cancel=cancel)
    thread.join()
    assert heard.stats.why_stopped == "cancelled"
    assert server.left.wait(20)
    assert ask(model, PROMPT).text == server.answer


def test_a_reader_who_leaves_closes_the_request(connect: Connect) -> None:
    server, model = connect()
    server.faults.append(endless(again=X))
    steps = model.generate(PROMPT, SamplingParams(24), CancelToken())
    next(iter(steps))
    del steps
    assert server.left.wait(20)


def test_what_a_server_refuses_to_know_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)
    with serving(ModelServer()) as server:
        server.faults.append(lambda handler: handler.json({"error": "unknown field"}, 422))
        model = load(server)
        ask(model, PROMPT)
        model.close()
    first, second, third = (set(body) for _, body, _ in server.seen)
    assert second == third == {"model", "prompt", "max_tokens", "temperature", "stop", "stream"} < first
    assert server.prompts[:2] == ["x", "x"], "no source code is sent for it"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_server_that_is_away_is_asked_again_by_each_key(kind: Kind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    remote = Endpoint(url + ("/v1" if kind is Kind.OPENAI else ""), "m", kind)
    model = backends.load(LoadSpec("remote", "m", markers=FAMILY.all_markers, remote=remote), lambda *_: True)
    assert model.info.plan[0] == (
        f"127.0.0.1:{port} cannot be reached: is the server running, and is remote.url in the card right? "
        "(each key tries again)"
    )
    with pytest.raises(RemoteError, match="cannot be reached"):
        ask(model, PROMPT)
    with serving(ModelServer(markers=FAMILY.all_markers), port) as server:
        assert ask(model, PROMPT).text == server.answer
        model.close()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_no_other_try_helps_is_said_when_the_model_is_loaded(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)
    with serving(ModelServer()) as server:
        server.faults.append(lambda handler: handler.json({"error": KEY}, status))
        with pytest.raises(RemoteError, match=f"HTTP {status}"):
            load(server)


def test_a_load_that_is_stopped_leaves_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)
    with serving(ModelServer()) as server:
        server.faults.append(lambda handler: handler.wait_for_client_to_leave())
        remote = Endpoint(server.address + "/v1", "m")
        with pytest.raises(Cancelled):
            backends.load(LoadSpec("remote", "m", remote=remote), lambda *_: not server.seen)
        assert server.left.wait(20)


KEYS = [("", "is not set"), ("  ", "is not set"), ("a\nb", "odd characters"), ("schlüssel", "odd characters")]


@pytest.mark.parametrize(("key", "says"), KEYS)
def test_a_key_that_cannot_be_is_named_by_its_variable_alone(
    key: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_KEY", key)
    with pytest.raises(ModelError, match=f"environment variable MODEL_KEY.*{says}") as caught:
        load(ModelServer(address="http://127.0.0.1:9"))
    assert not key.strip() or key not in str(caught.value)


def test_proxies_see_what_goes_to_other_machines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(ModelServer()) as proxy, serving(ModelServer()) as server:
        monkeypatch.setenv("http_proxy", proxy.address)
        there = Endpoint("http://models.invalid/v1", "m")
        for remote in (there, Endpoint(server.address + "/v1", "m")):
            model = backends.load(LoadSpec("remote", "m", remote=remote), lambda *_: True)
            assert ask(model, "x = ").text == server.answer
            model.close()
    assert [path for path, _, _ in proxy.seen] == ["http://models.invalid/v1/completions"] * 2
    assert len(server.seen) == 2


def test_a_certificate_that_is_not_trusted_is_told_with_the_remedy() -> None:
    said = remotewords.unreachable(
        Endpoint("https://models.example/v1"), "[SSL: CERTIFICATE_VERIFY_FAILED] certificate"
    )
    assert "SSL_CERT_FILE" in said


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of 127.0.0.1, signed by itself; its key beside it."""
    path = tmp_path / "own.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    try:
        made = [*command.split(), "-keyout", str(path.with_suffix(".key")), "-out", str(path)]
        subprocess.run(made, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl is not there to make a certificate")
    return path


def test_tls_is_verified_and_its_connection_serves_again(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with serving(ModelServer(), tls=tls) as server:
        model = load(server)
        assert "is not trusted" in model.info.plan[0]
        model.close()
        assert server.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        server.n_connections = 0
        model = load(server)
        for _ in range(10):
            assert ask(model, PROMPT).text == server.answer
        assert server.n_connections < 10, "some follow before the former answer's end is read"
        server.faults.append(lambda handler: handler.wait_for_client_to_leave())
        assert ask(model, PROMPT, SamplingParams(4, max_ms=200)).stats.why_stopped == "time"
        assert server.left.wait(20)
        model.close()


def test_500_faults_leave_no_question_without_an_answer_or_a_sentence(connect: Connect) -> None:
    """An answer that is cut, garbled or late at any byte."""
    server, model = connect()
    whole = HEAD + b"Connection: close\r\n\r\n" + X * 8 + LAST + DONE
    chance = random.Random(5)

    def faulty(handler: Handler) -> None:
        data = bytearray(whole[: chance.randrange(len(whole) + 1)])
        for _ in range(chance.choice((0, 1, 5))):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        half = chance.randrange(len(data) + 1)
        handler.wfile.write(data[:half])
        handler.wfile.flush()
        time.sleep(chance.choice((0, 0, 0.002)))
        handler.wfile.write(data[half:])
        handler.close_connection = True

    ends, said = [], []
    for _ in range(500):
        server.faults[:] = [faulty, faulty]
        try:
            ends.append(ask(model, PROMPT, SamplingParams(24, max_ms=2_000)).stats.why_stopped)
        except CodelsError as error:
            ends.append(type(error).__name__)
            said.append(str(error))
    assert set(ends) <= {"end", "limit", "time", "stop", "RemoteError"}
    assert {"end", "RemoteError"} <= set(ends)
    assert all("127.0.0.1" in words for words in said)
