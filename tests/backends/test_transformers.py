"""The transformers back end on the built-in model's weights: llama.cpp says the same. Needs torch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import hf_folder
import pytest
from answers import CODE, LONG_CODE, MARKERS, Open, ask, score

from codels import backends
from codels.backends import Adapter, Backend, LoadSpec
from codels.backends.hf import Transformers
from codels.cancel import CancelToken
from codels.errors import BackendMissing, MarkerMissing, ModelError, UserError
from codels.generation import Part, Prompt, SamplingParams

pytestmark = pytest.mark.model

N_ANSWER = 40

_PREFIX, _SUFFIX, _MIDDLE = (Part(marker, special=True) for marker in MARKERS[:3])
PROMPTS = [
    Prompt((Part(CODE),)),
    Prompt((Part(LONG_CODE),)),
    Prompt((Part("class Stack:\n    def __init__(self):\n        self.items = []\n\n    def push(self, item):\n"),)),
    Prompt((Part("import argparse\n\n\ndef parse():\n    parser = "),)),
    Prompt((Part("def f(x):\n    if x is None:\n        raise "),)),
    Prompt((_PREFIX, _SUFFIX, Part("\n    return total\n"), _MIDDLE, Part("def add(values):\n    total = 0\n"))),
]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory, transformers_folder: Path) -> Iterator[Any]:
    """The same weights in llama.cpp, everything in F32."""
    del transformers_folder  # skips where it cannot be
    from greedy import Greedy

    model = Greedy(hf_folder.write_gguf(tmp_path_factory.mktemp("gguf") / "f32.gguf"), 1)
    yield model
    model.close()


@pytest.fixture
def context(open_transformers: Open) -> Any:
    return cast(Transformers, open_transformers())._context


@pytest.mark.parametrize("prompt", PROMPTS, ids=range(len(PROMPTS)))
def test_llama_cpp_says_the_same(open_transformers: Open, oracle: Any, prompt: Prompt) -> None:
    backend = open_transformers()
    tokens = [token for part in prompt.parts for token in oracle.vocabulary.tokenize(part)]
    assert [token for part in prompt.parts for token in backend.tokenize(part)] == tokens
    said = oracle.answer(tokens, N_ANSWER, oracle.vocabulary.start[0])
    text = b"".join(map(oracle.vocabulary.pieces.of, said)).decode("utf-8", "replace")
    assert ask(backend, prompt, SamplingParams(N_ANSWER)).text == text


def test_llama_cpp_finds_a_text_as_likely(
    open_transformers: Open, opened: Callable[[LoadSpec], Backend], tmp_path: Path
) -> None:
    other = opened(LoadSpec("llama.cpp", str(hf_folder.write_gguf(tmp_path / "m.gguf")), 512, 1, gpu_layers=0))
    mine, theirs = (score(backend, CODE, "ge(10):\n        print(i)\n") for backend in (open_transformers(), other))
    assert mine.logprobs == pytest.approx(theirs.logprobs, abs=0.05)  # its keys and values are in F16
    assert mine.end == pytest.approx(theirs.end, abs=0.2)


def test_the_vocabularies_are_the_same(context: Any, oracle: Any) -> None:
    mine, theirs = context.vocabulary, oracle.vocabulary
    assert [mine.pieces.of(token) for token in range(mine.n)] == [theirs.pieces.of(token) for token in range(mine.n)]
    assert set(mine.special.items()) <= set(theirs.special.items())
    assert (mine.ends(()), mine.line_ends, mine.start) == (theirs.ends(()), theirs.line_ends, theirs.start)


def test_what_was_cut_off_leaves_no_trace(open_transformers: Open) -> None:
    backend, fresh = open_transformers(), open_transformers()
    for text in (LONG_CODE, LONG_CODE[:-40] + "x", CODE, LONG_CODE):
        prompt = Prompt((Part(text + "\n"),))
        assert score(backend, prompt, "    return").logprobs == pytest.approx(
            score(fresh, prompt, "    return").logprobs, abs=1e-4
        )
        fresh = open_transformers()


def test_a_cancel_ends_a_call(open_transformers: Open) -> None:
    """The caches of the layers before the cut are longer then; what is read later must not stumble over it."""
    backend, cancel = open_transformers(), CancelToken()
    before = ask(backend, LONG_CODE).text
    n_calls = 0
    model = cast(Transformers, backend)._context._model

    def count(*_call: object) -> None:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 3:
            cancel.cancel()

    hook = model.model.layers[2].register_forward_pre_hook(count)
    heard = ask(backend, "class A:\n" + LONG_CODE, cancel=cancel)
    hook.remove()
    assert (heard.stats.why_stopped, heard.text, n_calls) == ("cancelled", "", 3)
    assert ask(backend, LONG_CODE).text == before
    again = ask(backend, "class A:\n" + LONG_CODE)
    assert 128 <= again.stats.n_reused < again.stats.n_prompt - 1


def test_chance_is_repeated_by_its_seed(open_transformers: Open) -> None:
    backend = open_transformers()
    heard = [ask(backend, CODE, SamplingParams(16, temperature=1.5, seed=seed)).text for seed in (1, 1, 2, 3)]
    assert heard[0] == heard[1]
    assert len(set(heard)) > 1
    few = SamplingParams(16, temperature=1.5, top_k=1)
    assert ask(backend, CODE, few).text == ask(backend, CODE, SamplingParams(16)).text


def test_what_a_file_holds_of_a_user_cannot_be_a_marker(open_transformers: Open) -> None:
    backend = open_transformers()
    for text in MARKERS:
        assert not set(backend.tokenize(Part(f"x = '{text}'"))) & set(range(8))
    with pytest.raises(MarkerMissing):
        backend.tokenize(Part("<|fim_prefix|> ", special=True))


def test_what_it_says_of_itself(open_transformers: Open) -> None:
    info = open_transformers().info
    assert re.fullmatch(r"LlamaForCausalLM, \d+ M weights, float32", info.description)
    assert info.can_score
    assert not info.has_chat_template
    if info.device == "CPU":
        assert re.fullmatch(r"all layers on the CPU in float32, as its weights are: [\d.]+ MB", info.plan[0])


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., str]:
    hf_folder.need()
    return lambda **config: str(hf_folder.write(tmp_path / "m", **config))


REFUSED = [
    # what its config.json says besides, words of the error
    ({"num_hidden_layers": 9}, "lacks model.layers."),
    ({"intermediate_size": 512}, "has, in other shapes than its config.json says, model.layers.0.mlp.down_proj.weight"),
    ({"model_type": "nothing", "auto_map": {"AutoConfig": "x.Y"}}, "needs Python code of its own"),
    ({"model_type": "nothing"}, "does not know its kind (nothing): a newer one may"),
]


@pytest.mark.parametrize(("config", "words"), REFUSED, ids=range(len(REFUSED)))
def test_weights_that_do_not_fit_are_refused(written: Callable[..., str], config: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError) as error:
        backends.load(LoadSpec("transformers", written(**config)), lambda _fraction, _gpu: True)
    assert words in str(error.value)


def test_what_only_llama_cpp_can_do_is_refused(open_transformers: Open, written: Callable[..., str]) -> None:
    with pytest.raises(UserError, match=r"a grammar need a model of llama\.cpp's"):
        ask(open_transformers(), CODE, SamplingParams(4, grammar="root ::= x"))
    with pytest.raises(UserError, match=r"adapters work with llama\.cpp's models only"):
        backends.load(LoadSpec("transformers", written(), adapters=(Adapter("x"),)), lambda _fraction, _gpu: True)
    with pytest.raises(ModelError, match="was stopped"):
        backends.load(LoadSpec("transformers", written()), lambda _fraction, _gpu: False)


def test_half_precision_runs(written: Callable[..., str], opened: Callable[[LoadSpec], Backend]) -> None:
    from codels.backends import hfplan

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hfplan.Folder, "is_half", property(lambda _folder: True))
        patch.setattr("codels.hardware.free_ram", lambda: (1_000_000, 1_000_000))
        backend = opened(LoadSpec("transformers", written(), 512, gpu_layers=0))
    assert "bfloat16" in backend.info.description
    assert ask(backend).text


def test_torch_that_is_not_there_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "codels.backends.hfload", None)
    monkeypatch.delattr(backends, "hfload", raising=False)
    with pytest.raises(BackendMissing, match=r'`pip install "codels\[transformers\]"` installs them'):
        backends.load(LoadSpec("transformers", "m"), lambda _fraction, _gpu: True)


def test_from_a_folder_to_a_model_in_use(written: Callable[..., str], tmp_path: Path) -> None:
    """The command line as a user has it: add, complete; nothing but sentences on standard error."""
    folder = Path(written())
    file = tmp_path / "a.py"
    file.write_text("def area(width, height):\n    return width *\n", "utf-8")
    homes = {f"XDG_{name}_HOME": str(tmp_path / name) for name in ("CACHE", "CONFIG", "DATA")}

    def codels(*arguments: str) -> tuple[str, str]:
        command = [sys.executable, "-m", "codels", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **homes}, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, done.stderr

    out, err = codels("models", "add", str(folder), "--id", "mine")
    assert "mine can be used now (family codels, order " in out
    assert all(line.startswith("codels: ") for line in err.splitlines()), err
    assert 'backend = "transformers"' in (tmp_path / "CONFIG" / "codels" / "models" / "mine.toml").read_text("utf-8")
    answer = json.loads(codels("complete", f"{file}:2:19", "--model", "mine", "--json")[0])
    assert answer["stats"]["n_decoded"]
