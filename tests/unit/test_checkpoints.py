"""Folders of models as transformers keeps them: what is read of them without a library, and which are refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from codels import backends, checkpoints
from codels.backends import LoadSpec, hffolder, hfplan
from codels.backends.hffolder import Folder
from codels.backends.hfplan import Gpu
from codels.dispatch.selection import find
from codels.errors import BackendMissing, ModelError
from codels.registry import store

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "max_position_embeddings": 2048,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "eos_token_id": [0, 5],
}

INDEX = f"{checkpoints.SAFETENSORS}.index.json"


def weights(kind: str = "F32", n: int = 6) -> bytes:
    size = n * (4 if kind == "F32" else 2)
    head = json.dumps({"__metadata__": {}, "a": {"dtype": kind, "shape": [2, n // 2], "data_offsets": [0, size]}})
    return struct.pack("<Q", len(head)) + head.encode() + b"\0" * size


def write(folder: Path, **files: bytes | str | dict[str, Any] | None) -> Path:
    """A whole folder, with other `files` (dots in their names are `_dot_`); None leaves one out."""
    folder.mkdir(exist_ok=True)
    whole: dict[str, Any] = {"config.json": CONFIG, "tokenizer.json": {}, checkpoints.SAFETENSORS: weights()}
    for name, content in {**whole, **{name.replace("_dot_", "."): said for name, said in files.items()}}.items():
        if content is not None:
            data = json.dumps(content) if isinstance(content, dict) else content
            (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def test_what_a_folder_says(tmp_path: Path) -> None:
    tokenizer = {"bos_token": {"content": "<s>"}, "chat_template": "{}"}
    folder = write(tmp_path / "m", tokenizer_config_dot_json=tokenizer, generation_config_dot_json={"eos_token_id": 7})
    found = hffolder.read(folder / checkpoints.SAFETENSORS)
    assert found == Folder(folder, CONFIG, {"F32": 6}, (0, 5, 7), "<s>", has_chat_template=True)
    assert (found.n_weights, found.is_half, found.trained_window, found.kv_width) == (6, False, 2048, 2 * 2 * 2 * 16)


def test_weights_may_be_in_parts(tmp_path: Path) -> None:
    index = {"weight_map": {"b": "two.safetensors", "a": "one.safetensors", "c": "two.safetensors"}}
    parts = {"one_dot_safetensors": weights("BF16"), "two_dot_safetensors": weights(n=4)}
    folder = write(tmp_path / "m", model_dot_safetensors=None, **{INDEX: index}, **parts)  # type: ignore[arg-type]
    assert hffolder.read(folder).counts == {"BF16": 6, "F32": 4}
    card = store.find(str(folder))
    assert [Path(file.path).name for file in card.files][:2] == ["one.safetensors", "two.safetensors"]
    assert store.find(card.files[0].path) == card
    (folder / "two.safetensors").unlink()
    with pytest.raises(ModelError, match=r"two\.safetensors is a part of the model, and missing"):
        hffolder.read(folder)


REFUSED = [
    # other files than those of a whole folder, words of why
    ({"config_dot_json": "{"}, "config.json cannot be read"),
    ({"config_dot_json": "[]"}, "holds no JSON object"),
    ({"config_dot_json": {**CONFIG, "is_encoder_decoder": True}}, "is an encoder–decoder model (LlamaForCausalLM)"),
    ({"config_dot_json": {"architectures": ["T5ForConditionalGeneration"]}}, "is an encoder–decoder model"),
    ({"config_dot_json": {"architectures": ["BertModel"]}}, "is BertModel, which does not write text"),
    ({"config_dot_json": {**CONFIG, "quantization_config": {"quant_method": "gptq"}}}, "is quantised (gptq)"),
    ({"tokenizer_dot_json": None}, "has no tokenizer.json"),
    ({"model_dot_safetensors": None}, "holds no weights"),
    ({"model_dot_safetensors": None, "pytorch_model_dot_bin": b""}, "pytorch_model.bin is pickled, and reading a"),
    ({"model_dot_safetensors": None, INDEX: {"weight_map": {"a": "../x"}}}, "names no files beside itself"),
    ({"model_dot_safetensors": weights()[:-1]}, "it is truncated"),
    ({"model_dot_safetensors": b"GGUF"}, "is no safetensors file, or torn"),
    ({"model_dot_safetensors": b"\xff" * 20}, "its head is longer than it can be"),
]


@pytest.mark.parametrize(("files", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_run_is_refused_with_the_reason(tmp_path: Path, files: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError) as error:
        hffolder.read(write(tmp_path / "m", **files))
    assert words in str(error.value)


def test_a_folder_is_a_model_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "Some-Model")
    card = store.find(str(folder))
    assert (card.id, card.backend, card.family) == ("Some-Model", "transformers", "")
    assert [Path(file.path).name for file in card.files] == ["model.safetensors", "config.json", "tokenizer.json"]
    assert store.locate(card) == folder / "model.safetensors"
    monkeypatch.setattr(store, "models_folder", lambda: tmp_path)
    assert store.find("Some-Model") == card
    monkeypatch.setattr(backends, "lacking", lambda _backend: 'torch is not installed: `pip install "x"`')
    with pytest.raises(BackendMissing, match="cannot be used yet: torch is not installed: `pip install"):
        find(str(folder))


def test_a_folder_without_weights_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has a config\.json but no model\.safetensors"):
        store.find(str(write(tmp_path / "m", model_dot_safetensors=None)))


def test_what_is_not_installed_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else name)
    assert backends.lacking("transformers") == 'torch is not installed: `pip install "codels[transformers]"`'
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert backends.lacking("transformers").startswith("torch and transformers and safetensors are not installed")
    assert backends.lacking("llama.cpp") == ""


GB = 1_000_000_000
CARD = Gpu("Card", 8 * GB, has_bfloat16=True)

PLANS = [
    # weights' type, how many, the spec's fields, the GPU, free memory; device, type, window, words
    ("F32", GB, {}, None, 16 * GB, "cpu", "float32", 2048, "on the CPU in float32, as its weights are: 4.0 GB"),
    ("BF16", GB, {}, None, 16 * GB, "cpu", "float32", 2048, "in float32, which CPUs compute fastest in: 4.0 GB"),
    ("BF16", GB, {}, None, 6 * GB, "cpu", "bfloat16", 2048, "in float32 it would take 4.0 GB of 6.0 GB free: 2.0 GB"),
    ("BF16", GB, {}, None, 0, "cpu", "float32", 2048, "on the CPU"),
    ("F32", GB, {}, None, 4 * GB, "cpu", "float32", 2048, "as its weights are"),
    ("BF16", GB, {}, CARD, 16 * GB, "cuda", "bfloat16", 2048, "all layers on Card in bfloat16: 2.0 GB of 8.0 GB free"),
    ("BF16", GB, {}, Gpu("Old", 8 * GB, False), 0, "cuda", "float16", 2048, "on Old in float16"),
    ("BF16", 4 * GB, {}, CARD, 64 * GB, "cpu", "float32", 2048, "Card is not used: the model needs 9."),
    ("BF16", GB, {"gpu_layers": 0}, CARD, 0, "cpu", "float32", 2048, "Card is not used: codels.gpu_layers is 0"),
    ("BF16", GB, {"gpu_layers": 9}, None, 0, "cpu", "float32", 2048, "the torch that is installed can use none"),
    ("BF16", GB, {"gpu_problem": "it died"}, CARD, 0, "cpu", "float32", 2048, "it died"),
    ("F32", GB, {"context_window": 512}, None, 0, "cpu", "float32", 512, "context 512 tokens, keys and values in"),
    (
        "F32",
        GB,
        {"context_window": 9999, "max_window": 1024},
        None,
        0,
        "cpu",
        "float32",
        1024,
        "for 2,048 tokens of up",
    ),
]


@pytest.mark.parametrize(
    ("kind", "n", "fields", "gpu", "free", "device", "dtype", "window", "words"), PLANS, ids=range(len(PLANS))
)
def test_device_and_numbers_are_chosen_and_explained(
    kind: str, n: int, fields: Any, gpu: Gpu | None, free: int, device: str, dtype: str, window: int, words: str
) -> None:
    folder = Folder(Path("m"), CONFIG, {kind: n}, (), "", has_chat_template=False)
    plan = hfplan.choose(folder, LoadSpec("transformers", "m", **fields), gpu, free)
    assert (plan.device, plan.dtype, plan.window) == (device, dtype, window)
    assert words in " | ".join(plan.sentences)
