"""GGUF files of small trained models: vocabularies with words and a family's markers, weights, and what tells about
them. Needs `gguf`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Quantisation
from gguf import TokenType
from numpy.typing import NDArray

CONTEXT = 512

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """What the metadata say of the weights."""

    architecture: str
    width: int
    n_ff: int
    depth: int
    heads: int
    kv_heads: int
    epsilon: float


@dataclass(frozen=True)
class Vocabulary:
    """Texts, types and scores or merges. `kind` is llama.cpp's: "gpt2" for bytes, "llama" for SentencePiece."""

    kind: str
    tokens: list[str]
    types: list[TokenType]
    merges: list[str] = field(default_factory=list)
    bos: str = ""
    eos: str = ""

    def id(self, token: str) -> int:
        return self.tokens.index(token)


def byte_level(words: list[str], markers: list[str], eos: str) -> Vocabulary:
    """The 256 bytes, merges that make a token of each word, and control tokens."""
    tokens = _byte_letters()
    merges: list[str] = []
    for word in words:
        pieces = _merged(list(word), {pair: rank for rank, pair in enumerate(merges)})
        while len(pieces) > 1:
            merges.append(f"{pieces[0]} {pieces[1]}")
            pieces[:2] = [pieces[0] + pieces[1]]
            tokens.append(pieces[0])
    types = [*[TokenType.NORMAL] * len(tokens), *[TokenType.CONTROL] * len(markers)]
    return Vocabulary("gpt2", [*tokens, *markers], types, merges, eos=eos)


def sentence_piece(words: list[str], markers: list[str]) -> Vocabulary:
    """As Llama 2: three control tokens, bytes, pieces by their scores; line ends are bytes, blanks are `▁`."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    types = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256, TokenType.NORMAL]
    letters = [chr(code) for code in range(33, 127)]
    pieces = dict.fromkeys(letters, 0)
    for word in words:
        parts = _glued(list(word), pieces)
        while len(parts) > 1:
            parts[:2] = [parts[0] + parts[1]]
            pieces[parts[0]] = len(pieces)
    tokens += pieces
    types += [TokenType.NORMAL] * len(pieces)
    return Vocabulary(
        "llama", [*tokens, *markers], [*types, *[TokenType.CONTROL] * len(markers)], bos="<s>", eos="</s>"
    )


def _merged(pieces: list[str], ranks: Mapping[str, int]) -> list[str]:
    """Byte-pair encoding: the earliest merge first."""
    while True:
        pairs = [(ranks.get(f"{a} {b}", len(ranks)), n) for n, (a, b) in enumerate(pairwise(pieces))]
        rank, at = min(pairs, default=(len(ranks), 0))
        if rank == len(ranks):
            return pieces
        pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]


def _glued(pieces: list[str], known: Mapping[str, int]) -> list[str]:
    """SentencePiece: the neighbours that make the earliest piece first."""
    while True:
        pairs = [(known.get(a + b, len(known)), n) for n, (a, b) in enumerate(pairwise(pieces))]
        rank, at = min(pairs, default=(len(known), 0))
        if rank == len(known):
            return pieces
        pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]


def write(
    path: Path, shape: Shape, vocabulary: Vocabulary, tensors: Mapping[str, Array], chat_template: str = ""
) -> Path:
    """Matrices in blocks of 8 bits, vectors whole."""
    writer = gguf.GGUFWriter(str(path), shape.architecture)
    _describe(writer, shape, len(vocabulary.tokens))
    _put_vocabulary(writer, vocabulary)
    if chat_template:
        writer.add_chat_template(chat_template)
    for name, array in tensors.items():
        kind = Quantisation.Q8_0 if array.ndim == 2 else Quantisation.F32
        writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: gguf.GGUFWriter, shape: Shape, n_vocab: int) -> None:
    writer.add_name("tiny-trained")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.depth)
    writer.add_feed_forward_length(shape.n_ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_layer_norm_eps(shape.epsilon)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(n_vocab)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def _put_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model(vocabulary.kind)
    writer.add_tokenizer_pre("qwen2" if vocabulary.kind == "gpt2" else "default")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types([int(type_) for type_ in vocabulary.types])
    if vocabulary.kind == "gpt2":
        writer.add_token_merges(vocabulary.merges)
    else:
        writer.add_token_scores([-float(number) for number in range(len(vocabulary.tokens))])
    if vocabulary.bos:
        writer.add_bos_token_id(vocabulary.id(vocabulary.bos))
    writer.add_eos_token_id(vocabulary.id(vocabulary.eos))
    writer.add_add_bos_token(False)


def _byte_letters() -> list[str]:
    """The letters by which GPT-2's byte-level vocabularies write the 256 bytes, in their usual order."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [*map(chr, shown), *(chr(256 + n) for n in range(len(hidden)))]


def changed(source: Path, target: Path, metadata: Mapping[str, Any]) -> Path:
    """A copy with other metadata; the weights stay as they are."""
    reader = gguf.GGUFReader(source)
    found = {name: field for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    writer = gguf.GGUFWriter(str(target), found.pop("general.architecture").contents())
    for name, value in (metadata | {n: metadata.get(n, f.contents()) for n, f in found.items()}).items():
        types = found[name].types if name in found else [gguf.GGUFValueType.STRING]
        writer.add_key_value(name, value, types[0], sub_type=types[-1] if len(types) > 1 else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def renamed(source: Path, target: Path, names: Mapping[str, str]) -> Path:
    """A copy whose tokens have other texts."""
    tokens = gguf.GGUFReader(source).fields["tokenizer.ggml.tokens"].contents()
    return changed(source, target, {"tokenizer.ggml.tokens": [names.get(token, token) for token in tokens]})


def retyped(source: Path, target: Path, tokens: Collection[str], type_: TokenType) -> Path:
    """A copy in which these tokens are of another type."""
    fields = gguf.GGUFReader(source).fields
    texts, types = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "token_type"))
    found = [int(type_) if text in tokens else former for text, former in zip(texts, types, strict=True)]
    return changed(source, target, {"tokenizer.ggml.token_type": found})
