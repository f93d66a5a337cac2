"""Writes GGUF files of a few kilobytes: random weights, a byte-level vocabulary, any markers. Needs `gguf`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

WIDTH, HEADS, DEPTH, CONTEXT = 32, 2, 1, 256
END = "<|end|>"

_MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")

Array = NDArray[np.float32]


def write(
    path: Path,
    markers: Mapping[str, gguf.TokenType],
    renamed: Mapping[int, str] | None = None,
    context: int = CONTEXT,
    depth: int = DEPTH,
) -> Path:
    """A model whose tokens are the 256 bytes, `END`, and `markers`; `renamed` bytes become user-defined markers.

    The weights are the same whatever the markers are, and so are its answers.
    """
    writer = gguf.GGUFWriter(str(path), "llama")
    tokens = [*_byte_letters(), END, *markers]
    types = [*[gguf.TokenType.NORMAL] * 256, gguf.TokenType.CONTROL, *markers.values()]
    for token, name in (renamed or {}).items():
        tokens[token], types[token] = name, gguf.TokenType.USER_DEFINED
    _describe(writer, len(tokens), context, depth)
    _put_vocabulary(writer, tokens, types)
    for name, array in _tensors(len(tokens), depth).items():
        writer.add_tensor(name, array)
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


def _tensors(n_vocab: int, depth: int) -> dict[str, Array]:
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


def _byte_letters() -> list[str]:
    """The letters by which GPT-2's byte-level vocabularies write the 256 bytes, in their usual order."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [*map(chr, shown), *(chr(256 + n) for n in range(len(hidden)))]
