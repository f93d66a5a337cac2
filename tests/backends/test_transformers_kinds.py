"""Other architectures in the transformers back end, with random weights: keys and values that stay change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hf_folder
import pytest
from answers import CODE, LONG_CODE, ask, score

from codels import backends
from codels.backends import Backend, LoadSpec
from codels.errors import ModelError
from codels.generation import Prompt

pytestmark = pytest.mark.model

SMALL = {
    "vocab_size": 8192,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}

KINDS: list[tuple[str, dict[str, Any]]] = [
    ("qwen2", {}),
    ("qwen3", {"head_dim": 8}),
    ("starcoder2", {"sliding_window": 16}),
    ("mistral", {"sliding_window": 16, "head_dim": 8}),
    ("gemma2", {"sliding_window": 16, "head_dim": 8}),  # every other layer looks no further
    ("gpt_neox", {}),
    ("gpt2", {"n_positions": 512, "n_embd": 32, "n_layer": 2, "n_head": 4}),
    ("gpt_bigcode", {"n_positions": 512, "n_embd": 32, "n_layer": 2, "n_head": 4}),
]


def write(folder: Path, kind: str, fields: dict[str, Any]) -> Path:
    """A random model that transformers itself has saved, with the built-in model's vocabulary."""
    hf_folder.need()
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(1)
    maker: Any = AutoModelForCausalLM
    model = maker.from_config(AutoConfig.for_model(kind, **{**SMALL, **fields}))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes(hf_folder.TOKENIZER.read_bytes())
    return folder


@pytest.mark.parametrize(("kind", "fields"), KINDS, ids=[kind for kind, _ in KINDS])
def test_what_stays_changes_nothing(
    opened: Callable[[LoadSpec], Backend], tmp_path: Path, kind: str, fields: dict[str, Any]
) -> None:
    spec = LoadSpec("transformers", str(write(tmp_path / "m", kind, fields)), gpu_layers=0)
    backend = opened(spec)
    assert backend.info.context_window == 512
    for text in (LONG_CODE, LONG_CODE[:-40] + "x", CODE, LONG_CODE):  # longer than a slice and than the window
        heard = ask(backend, text)
        again = score(backend, text, heard.text)
        anew = score(opened(spec), text, heard.text)
        assert again.logprobs == pytest.approx(anew.logprobs, abs=1e-3)
        assert heard.stats.why_stopped in ("limit", "end")
    assert ask(backend, Prompt(())).stats.n_prompt == 1


def test_a_recurrent_model_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", "mamba", {"state_size": 4})
    assert json.loads((folder / "config.json").read_text("utf-8"))["model_type"] == "mamba"
    with pytest.raises(ModelError, match=r"is a recurrent model \(MambaForCausalLM\)"):
        backends.load(LoadSpec("transformers", str(folder)), lambda _fraction, _gpu: True)
