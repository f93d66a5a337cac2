"""Writes a T5 of a few kilobytes as GGUF: random weights, CodeT5+'s kind of vocabulary (byte-level). Needs `gguf`."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray
from tiny_gguf import byte_letters

WIDTH, HEADS, DEPTH, FFN, CONTEXT, BUCKETS, MAX_DISTANCE = 32, 2, 2, 48, 256, 32, 128
EPSILON = 1e-6

CONTROLS = ("<pad>", "<s>", "</s>")
SENTINELS = ("<extra_id_0>", "<extra_id_1>")
PAD, BEGIN, END, OPENING, CLOSING = range(256, 261)
ENDS = [PAD, BEGIN, END]
N_VOCAB = 256 + len(CONTROLS) + len(SENTINELS)

Array = NDArray[np.float32]


def write(path: Path, seed: int = 1, is_unigram: bool = False, is_encoder: bool = False) -> Path:
    """`is_encoder`: that alone, as models for embeddings are."""
    writer = gguf.GGUFWriter(str(path), "t5encoder" if is_encoder else "t5")
    _describe(writer)
    (_put_unigrams if is_unigram else _put_bytes)(writer)
    for name, array in weights(seed).items():
        if is_encoder and name.startswith(("dec.", "output.")):
            continue
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def weights(seed: int = 1) -> dict[str, Array]:
    """By the names that the gguf package gives a T5's tensors; matrices are (out, in)."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int, scale: float = 1.0) -> Array:
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    def attention(prefix: str) -> dict[str, Array]:
        return {f"{prefix}_{name}.weight": draw(WIDTH, WIDTH, scale=0.3) for name in "qkvo"}

    def ones() -> Array:
        return 1 + draw(WIDTH, scale=0.1)

    found = {"token_embd.weight": draw(N_VOCAB, WIDTH), "output.weight": draw(N_VOCAB, WIDTH)}
    for side in ("enc", "dec"):
        found[f"{side}.output_norm.weight"] = ones()
        for number in range(DEPTH):
            block = f"{side}.blk.{number}."
            found |= attention(block + "attn") | {block + "attn_norm.weight": ones()}
            if number == 0:
                found[block + "attn_rel_b.weight"] = draw(BUCKETS, HEADS)
            if side == "dec":
                found |= attention(block + "cross_attn") | {block + "cross_attn_norm.weight": ones()}
            found[block + "ffn_norm.weight"] = ones()
            found[block + "ffn_up.weight"] = draw(FFN, WIDTH, scale=0.3)
            found[block + "ffn_down.weight"] = draw(WIDTH, FFN, scale=0.3)
    return found


def _describe(writer: gguf.GGUFWriter) -> None:
    writer.add_name("tiny-t5")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FFN)
    writer.add_block_count(DEPTH)
    writer.add_decoder_block_count(DEPTH)
    writer.add_head_count(HEADS)
    writer.add_key_length(WIDTH // HEADS)
    writer.add_value_length(WIDTH // HEADS)
    writer.add_layer_norm_eps(EPSILON)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_relative_attn_buckets_count(BUCKETS)
    writer.add_decoder_start_token_id(PAD)
    writer.add_vocab_size(N_VOCAB)
    writer.add_file_type(0)


def _put_bytes(writer: gguf.GGUFWriter) -> None:
    tokens = [*byte_letters(), *CONTROLS, *SENTINELS]
    types = [gguf.TokenType.NORMAL] * 256
    types += [gguf.TokenType.CONTROL] * len(CONTROLS) + [gguf.TokenType.USER_DEFINED] * len(SENTINELS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    _put_tokens(writer, tokens, types)
    writer.add_token_merges([f"{tokens[0]} {tokens[1]}"])
    writer.add_bos_token_id(BEGIN)
    writer.add_add_bos_token(True)


def _put_unigrams(writer: gguf.GGUFWriter) -> None:
    """As the first T5 have them: words with the blank before them, letters, no line end, no way to say any byte."""
    words = ["<unk>", "▁", "▁def", "▁return", "▁f", "x", *"abcdefghijklmnopqrstuvwyz():.=0123456789"]
    tokens = [*words, *(f"▁w{n}" for n in range(256 - len(words))), *CONTROLS, *SENTINELS]
    types = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.NORMAL] * 255
    types += [gguf.TokenType.CONTROL] * len(CONTROLS) + [gguf.TokenType.USER_DEFINED] * len(SENTINELS)
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    _put_tokens(writer, tokens, types)
    writer.add_token_scores([-float(n % 7 + 1) for n in range(N_VOCAB)])
    writer.add_add_space_prefix(True)
    writer.add_remove_extra_whitespaces(True)
    writer.add_unk_token_id(0)


def _put_tokens(writer: gguf.GGUFWriter, tokens: list[str], types: list[gguf.TokenType]) -> None:
    writer.add_token_list(tokens)
    writer.add_token_types([int(type_) for type_ in types])
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_eos_token(True)
