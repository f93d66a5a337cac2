"""The scripted model's script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from answers import Open, ask

from codels.backends import Backend, LoadSpec
from codels.errors import ModelError
from codels.generation import Part, Prompt, SamplingParams

Opened = Callable[[LoadSpec], Backend]


@pytest.mark.parametrize(
    "script",
    ["", "{", "[]", "3", "null", '"text"', '{"answers": []}', '{"answers": {"": 3}}', '{"answers": {"": []}}', "\xff"],
)
def test_a_script_that_is_not_one(opened: Opened, tmp_path: Path, script: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(script.encode("latin-1"))
    with pytest.raises(ModelError, match=r"bad\.json"):
        opened(LoadSpec("fake", str(path)))


def test_a_script_that_is_missing(opened: Opened, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.json"):
        opened(LoadSpec("fake", str(tmp_path / "nowhere.json")))


def test_the_fake_ends_at_a_marker_too(open_fake: Open) -> None:
    model = open_fake(answers={"": "a + b<|file_sep|>more"})
    heard = ask(model, Prompt((Part("x"),), stop=("<|file_sep|>",)))
    assert (heard.text, heard.stats.why_stopped) == ("a + b", "end")


def test_the_fake_answers_by_the_longest_end_of_the_text_and_by_seed(open_fake: Open) -> None:
    model = open_fake(answers={"": "nothing", "b =": " 1", "ab =": [" 2", " 3"]})
    rows = [("x", 0, "nothing"), ("b =", 0, " 1"), ("ab =", 0, " 2"), ("ab =", 1, " 3"), ("ab =", 2, " 2")]
    for text, seed, answer in rows:
        assert ask(model, text, SamplingParams(24, seed=seed)).text == answer
    assert ask(model, Prompt((Part("a"),), heal="b =")).text == " 2"
