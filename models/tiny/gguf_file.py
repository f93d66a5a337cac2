"""One GGUF file of the `llama` architecture, with the ids of the fill-in-the-middle marks in its metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, Keys, LlamaFileType, TokenType
from numpy.typing import NDArray

from recipe import Shape
from tokenizer import END, FILE_SEP, FIM_MIDDLE, FIM_PAD, FIM_PREFIX, FIM_SUFFIX, MARKS, REPO_NAME

Weights = dict[str, NDArray[np.float32]]

PRE_TOKENIZER = "qwen2"

MARK_KEYS = {
    Keys.Tokenizer.FIM_PRE_ID: FIM_PREFIX,
    Keys.Tokenizer.FIM_SUF_ID: FIM_SUFFIX,
    Keys.Tokenizer.FIM_MID_ID: FIM_MIDDLE,
    Keys.Tokenizer.FIM_PAD_ID: FIM_PAD,
    Keys.Tokenizer.FIM_REP_ID: REPO_NAME,
    Keys.Tokenizer.FIM_SEP_ID: FILE_SEP,
}

LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write(
    path: Path,
    shape: Shape,
    weights: Weights,
    tokenizer: dict[str, Any],
    form: tuple[GGMLQuantizationType, LlamaFileType],
    label: tuple[str, str, dict[str, str]],
) -> None:
    """`form` is the matrices' type and the file's; `label` the name, the licence and free notes."""
    kind, file_type = form
    writer = GGUFWriter(str(path), "llama")
    writer.add_file_type(file_type)
    _add_label(writer, *label)
    _add_shape(writer, shape)
    _add_tokenizer(writer, shape, tokenizer)
    for name, weight in named(shape, weights).items():
        own = _kind(name, weight, kind)
        writer.add_tensor(name, gguf.quants.quantize(weight, own), raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def named(shape: Shape, weights: Weights) -> Weights:
    """The weights under llama.cpp's names, Q and K for its interleaved rotary positions."""
    heads = rotated(shape)
    return {
        theirs: interleaved(weights[ours], heads[kind]) if kind in heads else np.ascontiguousarray(weights[ours])
        for theirs, (ours, kind) in names(shape).items()
    }


def names(shape: Shape) -> dict[str, tuple[str, str]]:
    """llama.cpp's name of every tensor → ours, and its kind in a layer."""
    found = {"token_embd.weight": ("embed_tokens.weight", ""), "output_norm.weight": ("norm.weight", "")}
    for layer in range(shape.layers):
        for ours, theirs in LAYER_NAMES.items():
            found[f"blk.{layer}.{theirs}.weight"] = (f"layers.{layer}.{ours}.weight", ours)
    return found


def rotated(shape: Shape) -> dict[str, int]:
    """The kinds whose rows are in another order in llama.cpp, and how many heads they have."""
    return {"self_attn.q_proj": shape.heads, "self_attn.k_proj": shape.kv_heads}


def _kind(name: str, weight: NDArray[np.float32], kind: GGMLQuantizationType) -> GGMLQuantizationType:
    """Norms stay whole. So, by half, does the embedding: it is the head too, where a rounded logit is another word."""
    if weight.ndim == 1:
        return GGMLQuantizationType.F32
    is_head = name == "token_embd.weight" and kind == GGMLQuantizationType.Q8_0
    return GGMLQuantizationType.F16 if is_head else kind


def interleaved(weight: NDArray[np.float32], n_heads: int) -> NDArray[np.float32]:
    """Rows of each head from (first half, second half) to pairs."""
    n_rows, n_columns = weight.shape
    halves = weight.reshape(n_heads, 2, n_rows // n_heads // 2, n_columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(n_rows, n_columns))


def _add_label(writer: GGUFWriter, name: str, license_name: str, notes: dict[str, str]) -> None:
    writer.add_name(name)
    writer.add_license(license_name)
    writer.add_description("Fill-in-the-middle model for Python, trained from nothing by codels")
    for key, value in notes.items():
        writer.add_string(f"codels.{key}", value)


def _add_shape(writer: GGUFWriter, shape: Shape) -> None:
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.d)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.theta)


def _add_tokenizer(writer: GGUFWriter, shape: Shape, tokenizer: dict[str, Any]) -> None:
    """No token is put before a prompt: `add_bos_token` is false."""
    texts = {number: text for text, number in tokenizer["model"]["vocab"].items()}
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]]
    tokens = [texts[number] for number in range(shape.vocabulary)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if text in MARKS else TokenType.NORMAL for text in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(END)
    writer.add_eos_token_id(END)
    writer.add_eot_token_id(END)
    writer.add_pad_token_id(FIM_PAD)
    writer.add_add_bos_token(False)
    for key, number in MARK_KEYS.items():
        writer.add_uint32(key, number)
