"""Answers held to a grammar: always in its language, healed or not, drawn by chance or greedy; mistakes in words."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from answers import CODE, Open, ask

from codels.backends import Backend, LoadSpec
from codels.backends.llamacpp import LlamaCpp
from codels.errors import UserError
from codels.generation import Part, Prompt, SamplingParams, Step

pytestmark = pytest.mark.model

pytest.importorskip("codels.backends.llamanative", exc_type=ImportError)

Opened = Callable[[LoadSpec], Backend]

JSON = r"""
root ::= "{" pair ("," pair){0,2} "}"
pair ::= string ":" (string | number | "[" number ("," number){0,3} "]" | "true" | "null")
string ::= "\"" ([^"\\\x00-\x1F\x7F] | "\\" ["\\nt]){0,8} "\""
number ::= "-"? ("0" | [1-9] [0-9]{0,5})
"""
NAMES = 'root ::= "[" name (", " name){0,4} "]"\nname ::= [A-Za-z_] [A-Za-z0-9_]{0,7}'
NAME = "root ::= [A-Za-z_] [A-Za-z0-9_]{0,11}"
LINES = 'root ::= [ a-z]{1,9} "\\n"{2} [a-z]{1,3} "\\n"'


def _is_json(text: str) -> bool:
    return isinstance(json.loads(text), dict)


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda text: bool(re.fullmatch(pattern, text))


LANGUAGES = [
    ("object", JSON, _is_json),
    ("names", NAMES, _matches(r"\[[A-Za-z_]\w{0,7}(, [A-Za-z_]\w{0,7}){0,4}\]")),
    ("name", NAME, str.isidentifier),
    ("lines", LINES, _matches(r"[ a-z]{1,9}\n\n[a-z]{1,3}\n")),
    ("other letters", 'root ::= "日本" | "ï" "😀"', _matches("日本|ï😀")),
    ("one or the other", 'root ::= "True" | "False"', _matches("True|False")),
    ("nothing", 'root ::= ""', _matches("")),
    ("what only looks like a repetition", 'root ::= "{3,1}" [{3,1}] # {3,1}', _matches(r"\{3,1\}[{3,1}]")),
    ("nothing or one", 'root ::= ("\\n" "x")?', _matches("(\nx)?")),
]


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[..., Path]:
    """A model of random weights, whose tokens are bytes."""
    pytest.importorskip("gguf", reason="the test writes a model with the gguf package")
    import tiny_gguf

    return lambda *arguments: tiny_gguf.write(tmp_path / "bytes.gguf", *arguments)


@pytest.fixture(params=[1, 3])
def model(open_llama: Open, request: pytest.FixtureRequest) -> Backend:
    """With beams it is greedy all the same."""
    return open_llama(beams=request.param)


@pytest.mark.parametrize(("grammar", "is_good"), [row[1:] for row in LANGUAGES], ids=[row[0] for row in LANGUAGES])
def test_an_answer_is_in_the_language(model: Backend, grammar: str, is_good: Callable[[str], bool]) -> None:
    for seed, temperature in [(0, 0.0), (1, 0.7), (2, 1.5), (3, 5.0)]:
        heard = ask(model, CODE, SamplingParams(200, temperature=temperature, seed=seed, grammar=grammar))
        assert heard.stats.why_stopped == "end"
        assert is_good(heard.text), heard.text


@pytest.mark.parametrize("heal", ["_ta", " ", "\n", "\n    ", "日", "naï", '"', "<|fim_middle|>", "x" * 40, "(\\\t"])
@pytest.mark.parametrize(("grammar", "is_good"), [row[1:] for row in LANGUAGES], ids=[row[0] for row in LANGUAGES])
def test_what_is_spelled_again_is_no_part_of_it(
    open_llama: Open, grammar: str, is_good: Callable[[str], bool], heal: str
) -> None:
    model = open_llama()
    assert isinstance(model, LlamaCpp)
    heard = ask(model, Prompt((Part("x = some"),), heal), SamplingParams(200, grammar=grammar))
    assert is_good(heard.text), heard.text
    *said, _end = [token for step in heard.steps for token in step.token_ids]
    assert b"".join(map(model._vocabulary.pieces.of, said)).decode() == heal + heard.text


def test_one_token_may_end_what_is_healed_and_begin_the_answer(model: Backend) -> None:
    heard = ask(model, Prompt((Part("for i in"),), " ra"), SamplingParams(8, grammar='root ::= "nge(" [0-9]'))
    assert heard.text.startswith("nge(")
    assert heard.steps[0].text == "nge"


def test_log_probabilities_are_among_what_may_come(write_model: Callable[..., Path], opened: Opened) -> None:
    """Every token of this model is a byte. What the grammar forces is certain, and all that it allows sums to 1."""
    model = opened(LoadSpec("llama.cpp", str(write_model({}))))
    chances: dict[str, float] = {}
    for seed in range(40):
        params = SamplingParams(8, (), 200.0, 40, 1.0, seed, grammar='root ::= ("c" | "d" | "e") "a"')
        heard = ask(model, CODE, params)
        logprobs = sum(heard.steps, Step()).logprobs
        assert logprobs[1:] == pytest.approx((0.0, 0.0), abs=1e-4)
        chances[heard.text[0]] = math.exp(logprobs[0])
    assert sorted(chances) == ["c", "d", "e"]
    assert sum(chances.values()) == pytest.approx(1.0, abs=1e-4)


def test_a_marker_of_the_prompt_ends_an_answer_only_where_the_grammar_does(
    write_model: Callable[..., Path], opened: Opened
) -> None:
    """Markers are no text: a grammar that would match a marker's name does not let it come."""
    import gguf

    model = opened(LoadSpec("llama.cpp", str(write_model({"<|stop|>": gguf.TokenType.CONTROL}))))
    prompt = Prompt((Part("def f(x):"),), stop=("<|stop|>",))
    for seed in range(8):
        params = SamplingParams(60, temperature=3.0, seed=seed, grammar="root ::= [a-z<|>]{9}")
        heard = ask(model, prompt, params)
        assert re.fullmatch("[a-z<|>]{9}", heard.text)
        assert heard.stats.why_stopped == "end"


BAD = [
    # the grammar, words of the error
    ("root ::= x", "failed to parse"),
    ('root ::= "a', "failed to parse"),
    ("root = a", "failed to parse"),
    ("root ::= [a-z", "failed to parse"),
    ('start ::= "a"', "'root'"),
    ('root ::= root "a" | "b"', "left recursion"),
    (" ", "failed to parse"),
    ('root ::= "a"{100000}', "failed to parse"),
    ("\ud800", "failed to parse"),
    ('root ::= "{3,1}" [{3,1}] "a"{70,11}', "70 times at least and 11"),
    ('root ::= "a"{ 3 , 2 }', "3 times at least"),
]


@pytest.mark.parametrize(("grammar", "words"), BAD)
def test_what_is_no_grammar_is_said_and_harms_nothing(open_llama: Open, grammar: str, words: str) -> None:
    model = open_llama()
    whole = ask(model).text
    with pytest.raises(UserError, match=words) as caught:
        ask(model, CODE, SamplingParams(8, grammar=grammar))
    assert "must be GBNF" in str(caught.value)
    assert ask(model).text == whole


def test_a_complaint_quotes_nothing_of_the_users(open_llama: Open, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError) as caught:
        ask(open_llama(), Prompt((Part("x"),), "my_secret"), SamplingParams(8, grammar="root ::= y"))
    assert "secret" not in str(caught.value) + "".join(capfd.readouterr())


def test_where_no_token_can_come_the_answer_ends_as_unfinished(
    write_model: Callable[..., Path], opened: Opened
) -> None:
    """The vocabulary of this model has no byte 'q': it was turned into a marker."""
    from tiny_gguf import byte_letters

    model = opened(LoadSpec("llama.cpp", str(write_model({}, {byte_letters().index("q"): "<|stop|>"}))))
    for heal, grammar, said in [("", 'root ::= "iraq"', "ira"), ("ira", 'root ::= "q"', ""), ("q", 'root ::= "a"', "")]:
        heard = ask(model, Prompt((Part("x = "),), heal), SamplingParams(24, grammar=grammar))
        assert (heard.text, heard.stats.why_stopped) == (said, "limit")
    assert ask(model, "x").text


def test_limits_stops_and_cancelling_work_inside_a_grammar(model: Backend) -> None:
    endless = 'root ::= ("ab" | "cd")*  "!"'
    heard = ask(model, CODE, SamplingParams(7, grammar=endless, stop=("!",)))
    assert heard.stats.why_stopped in ("limit", "stop")
    assert heard.stats.n_decoded <= 8
    heard = ask(model, CODE, SamplingParams(50, grammar=endless, stop=("!",)), cancel_after=1)
    assert heard.stats.why_stopped == "cancelled"
    assert ask(model, "x = 1", SamplingParams(9, grammar=NAME)).text.isidentifier()


def test_a_grammar_is_not_heard_by_the_next_answer(model: Backend) -> None:
    whole = ask(model).text
    ask(model, CODE, SamplingParams(24, grammar=JSON))
    assert ask(model).text == whole
