"""What a transformers model's folder says of it, and why codels cannot run one. Imports no library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codels import checkpoints
from codels.errors import ModelError

_WRITERS = ("ForCausalLM", "LMHeadModel")
"""Ends of the names of transformers' classes that write text with a decoder alone."""

_WINDOWS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
"""What configurations call the number of tokens that a model was trained on."""

_LAYERS = ("num_hidden_layers", "n_layer", "n_layers")
_HEADS = ("num_attention_heads", "n_head", "n_heads")
_WIDTHS = ("hidden_size", "n_embd", "d_model")


@dataclass(frozen=True, slots=True)
class Folder:
    """`counts`: how many weights of each safetensors type. `ends`: ids of the tokens that end an answer."""

    path: Path
    config: Mapping[str, Any]
    counts: Mapping[str, int]
    ends: tuple[int, ...]
    bos: str
    """The begin token's text; empty where the folder names none."""
    has_chat_template: bool

    @property
    def n_weights(self) -> int:
        return sum(self.counts.values())

    @property
    def is_half(self) -> bool:
        """Whether most weights have 16 bits."""
        return max(self.counts, key=lambda kind: self.counts[kind]) in ("BF16", "F16")

    @property
    def trained_window(self) -> int:
        """Tokens; 0: it does not say."""
        return self._number(_WINDOWS)

    @property
    def kv_width(self) -> int:
        """Numbers that the keys and values of one token are, in all layers; 0: it does not say enough."""
        heads = self._number(_HEADS)
        size = self._number(("head_dim",)) or self._number(_WIDTHS) // max(1, heads)
        return 2 * self._number(_LAYERS) * (self._number(("num_key_value_heads",)) or heads) * size

    def _number(self, names: tuple[str, ...]) -> int:
        found = (self.config.get(name) for name in names)
        return next((value for value in found if isinstance(value, int) and value > 0), 0)


def read(path: Path) -> Folder:
    """`path` is the folder or a file in it. Raises `ModelError` with the remedy where codels cannot run it."""
    folder = path if path.is_dir() else path.parent
    try:
        config = checkpoints.read_object(folder / checkpoints.CONFIG)
        _check_kind(folder, config)
        return Folder(
            folder,
            config,
            _counted(folder),
            _ends(config, _optional(folder / "generation_config.json")),
            _bos(_optional(folder / "tokenizer_config.json")),
            _has_chat_template(folder),
        )
    except ValueError as error:
        raise ModelError(f"{error}; fetch the model again, or choose another one") from error


def _check_kind(folder: Path, config: Mapping[str, Any]) -> None:
    names = [name for name in config.get("architectures") or () if isinstance(name, str)]
    if config.get("is_encoder_decoder") or any(name.endswith("ForConditionalGeneration") for name in names):
        raise ModelError(
            f"{folder} is an encoder–decoder model ({_named(config, names)}), and the transformers back end runs "
            "decoder-only models so far: choose one of these, or convert it to GGUF for llama.cpp where that can (T5)"
        )
    if names and not any(name.endswith(_WRITERS) for name in names):
        raise ModelError(f"{folder} is {_named(config, names)}, which does not write text: choose another model")
    if quantised := config.get("quantization_config"):
        method = quantised.get("quant_method", "") if isinstance(quantised, dict) else ""
        raise ModelError(
            f"{folder} is quantised ({method or 'by an unknown method'}), which the transformers back end does not "
            "load yet: choose a folder with plain weights, or a quantised .gguf file"
        )


def _counted(folder: Path) -> Mapping[str, int]:
    parts = checkpoints.weights(folder)
    if not parts:
        raise ModelError(f"{folder} holds no weights: {checkpoints.SAFETENSORS}, or parts of it with an index")
    for part in parts:
        if not part.is_file():
            raise ModelError(f"{part} is a part of the model, and missing: fetch the model again")
        if checkpoints.is_pickled(part):
            raise ModelError(
                f"{part} is pickled, and reading a pickle can run any program, so codels does not: fetch the model "
                f"with {checkpoints.SAFETENSORS}, or convert it on a machine that you can lose"
            )
    if not (folder / checkpoints.TOKENIZER).is_file():
        raise ModelError(
            f"{folder} has no {checkpoints.TOKENIZER}: fetch it from the model's repository, or write it with "
            "transformers' AutoTokenizer.from_pretrained(…).save_pretrained(…)"
        )
    return sum((Counter(checkpoints.count(part)) for part in parts), Counter[str]())


def _named(config: Mapping[str, Any], names: list[str]) -> str:
    return ", ".join(names) or str(config.get("model_type", "of an unknown kind"))


def _optional(path: Path) -> dict[str, Any]:
    return checkpoints.read_object(path) if path.is_file() else {}


def _ends(*configs: Mapping[str, Any]) -> tuple[int, ...]:
    found: list[int] = []
    for config in configs:
        said = config.get("eos_token_id")
        found += [token for token in (said if isinstance(said, list) else [said]) if isinstance(token, int)]
    return tuple(dict.fromkeys(found))


def _bos(tokenizer: Mapping[str, Any]) -> str:
    said = tokenizer.get("bos_token")
    said = said.get("content") if isinstance(said, dict) else said
    return said if isinstance(said, str) else ""


def _has_chat_template(folder: Path) -> bool:
    is_own_file = (folder / "chat_template.jinja").is_file()
    return is_own_file or bool(_optional(folder / "tokenizer_config.json").get("chat_template"))
