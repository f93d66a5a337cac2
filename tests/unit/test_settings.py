"""Settings from whatever an editor sends: what is wrong becomes its default and a sentence."""

import random
from dataclasses import fields, replace
from typing import Any

import pytest

from codels.core import Role
from codels.settings import Settings, parse

GOOD: list[tuple[Any, dict[str, Any]]] = [
    (None, {}),
    ({}, {}),
    ([], {}),  # how Lua writes an empty table
    ({"enable": False}, {"enable": False}),
    ({"disabled_languages": ["markdown", "c"]}, {"disabled_languages": ("markdown", "c")}),
    ({"disabledLanguages": []}, {}),
    ({"model": "/models/a b.gguf"}, {"model": "/models/a b.gguf"}),
    ({"maxTokens": 7}, {"max_tokens": 7}),
    ({"max_tokens": 7}, {"max_tokens": 7}),
    ({"maxMs": 50}, {"max_ms": 50}),
    ({"multiline": False}, {"multiline": False}),
    ({"candidates": 8}, {"candidates": 8}),
    ({"temperature": 1}, {"temperature": 1}),
    ({"temperature": 0.5}, {"temperature": 0.5}),
    ({"eagerness": "high"}, {"eagerness": "high"}),
    ({"offline": True}, {"offline": True}),
    ({"threads": 256}, {"threads": 256}),
    ({"memoryMb": 4000}, {"memory_mb": 4000}),
    ({"contextWindow": 16384}, {"context_window": 16384}),
    ({"context_window": 0}, {}),
    ({"gpu_layers": "auto"}, {}),
    ({"gpuLayers": 0}, {"gpu_layers": 0}),
    ({"gpu_layers": 33}, {"gpu_layers": 33}),
    ({"model": None, "threads": None, "enable": None}, {}),
    ({"model": "auto"}, {}),
    ({"models": {}}, {}),
    ({"models": []}, {}),
    ({"models": {"embed": None}}, {}),
    ({"models": {"instruct": "b", "completion": "a"}}, {"models": ((Role.COMPLETION, "a"), (Role.INSTRUCT, "b"))}),
    ({"models": {"embed": "auto"}}, {"models": ((Role.EMBED, "auto"),)}),
]


@pytest.mark.parametrize(("data", "expected"), GOOD)
def test_good(data: Any, expected: dict[str, Any]) -> None:
    assert parse(data) == (replace(Settings(), **expected), ())


BAD: list[tuple[str, Any, str]] = [
    ("enable", "yes", "'codels.enable' must be true or false, not 'yes'; True is used"),
    ("enable", 1, "must be true or false, not 1"),
    ("disabled_languages", "python", "must be a list of language ids such as [\"markdown\"], not 'python'; [] is used"),
    ("disabledLanguages", ["c", 1], "'codels.disabledLanguages' must be a list of language ids"),
    ("model", "", "must be a model id, the path of a GGUF file or \"auto\", not ''; 'auto' is used"),
    ("model", " ", "must be a model id"),
    ("model", ["a"], "must be a model id"),
    ("max_tokens", 0, "must be a whole number from 1 to 2048, not 0; 96 is used"),
    ("maxTokens", 2049, "'codels.maxTokens' must be a whole number from 1 to 2048"),
    ("max_tokens", 96.0, "must be a whole number"),
    ("max_tokens", "96", "must be a whole number"),
    ("max_tokens", True, "must be a whole number"),
    ("max_ms", 49, "must be a whole number from 50 to 600000, not 49; 2000 is used"),
    ("multiline", {}, "must be true or false, not {}; True is used"),
    ("candidates", 9, "must be a whole number from 1 to 8, not 9; 3 is used"),
    ("temperature", -0.1, "must be a number from 0 to 2, not -0.1; 0.0 is used"),
    ("temperature", float("nan"), "must be a number from 0 to 2, not nan"),
    ("temperature", False, "must be a number"),
    ("eagerness", "max", "must be one of low, medium, high, not 'max'; 'medium' is used"),
    ("offline", "no", "must be true or false, not 'no'; False is used"),
    ("threads", -1, "must be a whole number from 0 to 256, not -1; 0 is used"),
    ("threads", 10**5000, "must be a whole number from 0 to 256, not int"),
    ("context_window", 511, "must be 0 or a whole number from 512 to 1048576, not 511; 0 is used"),
    ("context_window", False, "must be 0 or a whole number"),
    ("gpu_layers", -1, "must be \"auto\" or a whole number from 0 to 999, not -1; 'auto' is used"),
    ("gpu_layers", True, 'must be "auto" or a whole number'),
    ("gpu_layers", "all", "must be \"auto\" or a whole number from 0 to 999, not 'all'"),
    ("model", {"x": "y" * 500}, "not {'x': 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; "),
    ("models", "x", 'must be an object of models such as {"completion": "auto"}, not \'x\'; {} is used'),
    ("models", {"complete": "x"}, "unknown role 'complete' in 'codels.models'; known are completion, docstring, instr"),
    (
        "models",
        {"embed": 7},
        "'codels.models.embed' must be a model id, the path of a GGUF file or \"auto\", not 7; 'au",
    ),
    ("memory_mb", -1, "must be a whole number from 0 to 16000000, not -1; 0 is used"),
    (
        "max_token",
        5,
        "unknown setting 'codels.max_token'; known are candidates, context_window, disabled_languages, eagerness, ena",
    ),
    ("", 5, "unknown setting 'codels.'"),
    ("Enable", True, "unknown setting 'codels.Enable'"),
]


@pytest.mark.parametrize(("key", "value", "sentence"), BAD, ids=range(len(BAD)))
def test_bad_becomes_a_sentence_and_the_default(key: str, value: Any, sentence: str) -> None:
    settings, problems = parse({key: value, "candidates" if key != "candidates" else "threads": 2})
    assert settings == replace(Settings(), **{"candidates" if key != "candidates" else "threads": 2})
    assert len(problems) == 1
    assert sentence in problems[0]


@pytest.mark.parametrize("data", [[1], "x", 5, True, 0.5, "", False])
def test_no_object_at_all(data: Any) -> None:
    settings, (problem,) = parse(data)
    assert settings == Settings()
    assert problem == f"the section 'codels' must be an object, not {data!r}; all defaults are used"


def test_every_setting_has_rows() -> None:
    names = {field.name for field in fields(Settings)}
    assert names <= {key for key, *_ in BAD}
    assert names <= {name for _, expected in GOOD for name in expected}


def some_json(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(9 if depth < 3 else 7)
    if kind == 7:
        return [some_json(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 8:
        names = [field.name for field in fields(Settings)] + ["maxTokens", *Role, "", "x", "\ud800", "A B", "日本"]
        return {rng.choice(names): some_json(rng, depth + 1) for _ in range(rng.randrange(6))}
    values = [None, rng.random() < 0.5, rng.randrange(-9, 3000), rng.uniform(-3, 3), "", "\ud800\0", float("inf")]
    return values[kind]


def test_no_json_raises() -> None:
    rng = random.Random(8)
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for data in (deep, {"model": deep}, *(some_json(rng) for _ in range(3000))):
        settings, problems = parse(data)
        assert all(isinstance(problem, str) and len(problem) < 400 for problem in problems)
        again, none = parse({**vars_of(settings)})
        assert (again, none) == (settings, ())
    while deep:
        deep = deep.pop()  # else freeing it would go too deep


def vars_of(settings: Settings) -> dict[str, Any]:
    values = {field.name: getattr(settings, field.name) for field in fields(Settings)}
    return values | {"disabled_languages": list(settings.disabled_languages), "models": dict(settings.models)}


WANTED = [
    # settings, role, the model that was named for it
    ({}, Role.COMPLETION, "auto"),
    ({"model": "a"}, Role.COMPLETION, "a"),
    ({"model": "a"}, Role.INSTRUCT, "auto"),
    ({"model": "a", "models": {"completion": "b"}}, Role.COMPLETION, "b"),
    ({"models": {"embed": "c"}}, Role.EMBED, "c"),
]


@pytest.mark.parametrize(("data", "role", "model"), WANTED)
def test_the_model_of_a_role(data: Any, role: Role, model: str) -> None:
    assert parse(data)[0].wanted(role) == model
