"""The tiny T5 in transformers. Needs `torch` and `transformers`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import tiny_t5 as tiny
import torch
from transformers import T5Config, T5ForConditionalGeneration


def greedy() -> Callable[[list[int], int], tuple[list[int], list[float]]]:
    """From what the encoder reads to the first n tokens of the answer, with their log-probabilities."""
    model = _model()

    def answer(read: list[int], n: int) -> tuple[list[int], list[float]]:
        said, logprobs = [tiny.PAD, tiny.OPENING], []
        with _alone():
            for _ in range(n):
                found = model(input_ids=torch.tensor([read]), decoder_input_ids=torch.tensor([said]))
                row = found.logits[0, -1].log_softmax(-1)
                said.append(int(row.argmax()))
                logprobs.append(float(row.max()))
        return said[2:], logprobs

    return answer


def scored(read: list[int], said: list[int]) -> list[float]:
    """The log-probability of each token behind the opening, and of `END` behind them."""
    everything = [tiny.PAD, tiny.OPENING, *said]
    with _alone():
        rows = _model()(input_ids=torch.tensor([read]), decoder_input_ids=torch.tensor([everything])).logits[0]
    chances = rows[1:].log_softmax(-1)
    ends = chances[-1, tiny.ENDS].logsumexp(0)
    return [float(row[token]) for row, token in zip(chances, said, strict=False)] + [float(ends)]


def embedded(read: list[int]) -> list[float]:
    """The mean of what the encoder makes of each token, with norm 1."""
    with _alone():
        mean = _model().encoder(input_ids=torch.tensor([read])).last_hidden_state[0].mean(0)
    found: list[float] = (mean / mean.norm()).tolist()
    return found


@contextmanager
def _alone() -> Iterator[None]:
    """Without gradients, and on one thread: several wait for each other where a machine is busy."""
    n = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(n)


@cache
def _model() -> T5ForConditionalGeneration:
    config = T5Config(
        vocab_size=tiny.N_VOCAB,
        d_model=tiny.WIDTH,
        d_kv=tiny.WIDTH // tiny.HEADS,
        d_ff=tiny.FFN,
        num_layers=tiny.DEPTH,
        num_heads=tiny.HEADS,
        relative_attention_num_buckets=tiny.BUCKETS,
        relative_attention_max_distance=tiny.MAX_DISTANCE,
        layer_norm_epsilon=tiny.EPSILON,
        feed_forward_proj="relu",
        tie_word_embeddings=False,
        pad_token_id=tiny.PAD,
        eos_token_id=tiny.END,
        decoder_start_token_id=tiny.PAD,
    )
    model = T5ForConditionalGeneration(config).eval()
    # transformers 5 ties the head to the embeddings whatever the configuration says; these weights have their own.
    model.lm_head.weight = torch.nn.Parameter(torch.zeros(tiny.N_VOCAB, tiny.WIDTH))
    weights = {_name(name): torch.from_numpy(array) for name, array in tiny.weights().items()}
    unread = model.load_state_dict(weights, strict=False)
    assert not unread.unexpected_keys
    assert set(unread.missing_keys) <= {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}  # shared
    return model


_TOP = {
    "token_embd": "shared",
    "output": "lm_head",
    "enc.output_norm": "encoder.final_layer_norm",
    "dec.output_norm": "decoder.final_layer_norm",
}

_BLOCK = {
    "attn_norm": "layer.0.layer_norm",
    "attn_rel_b": "layer.0.SelfAttention.relative_attention_bias",
    "cross_attn_norm": "layer.1.layer_norm",
    "ffn_norm": "layer.{ffn}.layer_norm",
    "ffn_up": "layer.{ffn}.DenseReluDense.wi",
    "ffn_down": "layer.{ffn}.DenseReluDense.wo",
    **{f"attn_{x}": f"layer.0.SelfAttention.{x}" for x in "qkvo"},
    **{f"cross_attn_{x}": f"layer.1.EncDecAttention.{x}" for x in "qkvo"},
}


def _name(tensor: str) -> str:
    """The name in transformers of a tensor of the file."""
    stem = tensor.removesuffix(".weight")
    if stem in _TOP:
        return f"{_TOP[stem]}.weight"
    side, _blk, number, part = stem.split(".")
    name, ffn = {"enc": ("encoder", 1), "dec": ("decoder", 2)}[side]
    return f"{name}.block.{number}.{_BLOCK[part].format(ffn=ffn)}.weight"
