"""Writes GGUF files of a few kilobytes: random weights, a byte-level vocabulary, any markers. Needs `gguf`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

WIDTH, HEADS, DEPTH, CONTEXT = 32, 2, 1, 256
END = "<|end|>"

Array = NDArray[np.float32]

_MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def write(
    path: Path,
    markers: Mapping[str, gguf.TokenType],
    renamed: Mapping[int, str] | None = None,
    context: int = CONTEXT,
    depth: int = DEPTH,
    more: Callable[[gguf.GGUFWriter], None] = lambda _writer: None,
    added: Mapping[str, Array] | None = None,
    pooling: gguf.PoolingType | None = None,
) -> Path:
    """A model whose tokens are the 256 bytes, `END`, and `markers`; `renamed` bytes become user-defined markers.

    `more` writes further metadata. The weights are the same whatever the markers are, and so are its answers; `added`
    is added to those it names.
    """
    writer = gguf.GGUFWriter(str(path), "llama")
    tokens = [*byte_letters(), END, *markers]
    types = [*[gguf.TokenType.NORMAL] * 256, gguf.TokenType.CONTROL, *markers.values()]
    for token, name in (renamed or {}).items():
        tokens[token], types[token] = name, gguf.TokenType.USER_DEFINED
    _describe(writer, len(tokens), context, depth)
    more(writer)
    if pooling is not None:
        writer.add_pooling_type(pooling)
    _put_vocabulary(writer, tokens, types)
    for name, array in tensors(len(tokens), depth).items():
        writer.add_tensor(name, array + added[name] if added and name in added else array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_recurrent(path: Path) -> Path:
    """A model of Mamba's shape, with the same vocabulary: it has a state in place of keys and values."""
    writer = gguf.GGUFWriter(str(path), "mamba")
    tokens = [*byte_letters(), END]
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(DEPTH)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_ssm_conv_kernel(4)
    writer.add_ssm_inner_size(2 * WIDTH)
    writer.add_ssm_state_size(16)
    writer.add_ssm_time_step_rank(2)
    _put_vocabulary(writer, tokens, [*[gguf.TokenType.NORMAL] * 256, gguf.TokenType.CONTROL])
    inner, block = 2 * WIDTH, "blk.0."
    shapes = {
        "token_embd.weight": (len(tokens), WIDTH),
        "output.weight": (len(tokens), WIDTH),
        "output_norm.weight": (WIDTH,),
        block + "attn_norm.weight": (WIDTH,),
        block + "ssm_in.weight": (2 * inner, WIDTH),
        block + "ssm_conv1d.weight": (inner, 4),
        block + "ssm_conv1d.bias": (inner,),
        block + "ssm_x.weight": (2 + 2 * 16, inner),
        block + "ssm_dt.weight": (inner, 2),
        block + "ssm_dt.bias": (inner,),
        block + "ssm_a": (inner, 16),
        block + "ssm_d": (inner,),
        block + "ssm_out.weight": (WIDTH, inner),
    }
    for seed, (name, shape) in enumerate(shapes.items()):
        array = np.ones(shape, np.float32) if "norm" in name else 0.3 * _random(seed, *shape)
        writer.add_tensor(name, -np.abs(array) if name.endswith("ssm_a") else array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: gguf.GGUFWriter, n_vocab: int, context: int, depth: int) -> None:
    writer.add_name("tiny-random")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(depth)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(n_vocab)
    writer.add_file_type(0)


def _put_vocabulary(writer: gguf.GGUFWriter, tokens: list[str], types: list[gguf.TokenType]) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([int(type_) for type_ in types])
    # Two letters that never meet: the vocabulary is bytes, but the format wants merges.
    writer.add_token_merges([f"{tokens[0]} {tokens[1]}"])
    writer.add_eos_token_id(tokens.index(END))
    writer.add_add_bos_token(False)


def tensors(n_vocab: int, depth: int = DEPTH) -> dict[str, Array]:
    ones = np.ones(WIDTH, np.float32)
    tensors = {"token_embd.weight": _random(1, n_vocab, WIDTH), "output.weight": _random(2, n_vocab, WIDTH)}
    for number in range(depth):
        block = f"blk.{number}."
        tensors |= {block + "attn_norm.weight": ones, block + "ffn_norm.weight": ones}
        for seed, name in enumerate(_MATRICES, 3):
            tensors[f"{block}{name}.weight"] = _random(seed, WIDTH, WIDTH)
    return tensors | {"output_norm.weight": ones}


def _random(seed: int, *shape: int) -> Array:
    """More rows leave the first ones as they are."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def byte_letters() -> list[str]:
    """The letters by which GPT-2's byte-level vocabularies write the 256 bytes, in their usual order."""
    return list(letter_bytes())


def letter_bytes() -> dict[str, int]:
    """The byte that each of them stands for."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + n): byte for n, byte in enumerate(hidden)}
