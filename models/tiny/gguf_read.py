"""Reads a GGUF file that `gguf_file.write` wrote, in F32 or F16, back into weights that go on learning."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, Keys
from numpy.typing import NDArray

from gguf_file import Weights, names, rotated
from recipe import Shape

ARCHITECTURE = "llama"
WHOLE = (GGMLQuantizationType.F32, GGMLQuantizationType.F16)
"""Weights that were rounded further begin too far from where they were."""

TORN = (ValueError, IndexError, KeyError, TypeError, OverflowError)
"""What the library raises for bytes that are no GGUF, or not all of one."""


def read(path: Path, shape: Shape) -> tuple[Weights, list[str], int]:
    """The weights under our names, the tokens' texts, how many it was trained on.

    Ends with a sentence for a file that is missing, torn, no GGUF, quantised or of another shape.
    """
    reader = _opened(path)
    _check(path, reader, shape)
    found = {tensor.name: tensor for tensor in reader.tensors}
    heads = rotated(shape)
    weights: Weights = {}
    for theirs, (ours, kind) in names(shape).items():
        if theirs not in found:
            sys.exit(f"{path} has no weights {theirs!r}: pass a file that export.py wrote")
        kept_as = found[theirs].tensor_type
        if kept_as not in WHOLE:
            sys.exit(f"{path} holds {kept_as.name} weights, too coarse to go on from: pass the F16 or F32 file")
        weight = found[theirs].data.astype(np.float32)
        weights[ours] = halved(weight, heads[kind]) if kind in heads else weight
    seen = reader.fields.get("codels.tokens_seen")
    return weights, reader.fields[Keys.Tokenizer.LIST].contents(), int(seen.contents()) if seen else 0


def halved(weight: NDArray[np.float32], n_heads: int) -> NDArray[np.float32]:
    """Rows of each head from pairs to (first half, second half): `gguf_file.interleaved`, the other way round."""
    n_rows, n_columns = weight.shape
    pairs = weight.reshape(n_heads, n_rows // n_heads // 2, 2, n_columns)
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(n_rows, n_columns))


def _opened(path: Path) -> GGUFReader:
    try:
        with path.open("rb") as file:
            is_gguf = file.read(4) == b"GGUF"
        if not is_gguf:
            sys.exit(f"{path} is no GGUF file: pass one that export.py wrote")
        return gguf.GGUFReader(path)
    except OSError as error:
        sys.exit(f"{path} cannot be read ({error.strerror}): pass a GGUF file that export.py wrote")
    except TORN as error:
        sys.exit(f"{path} is torn ({error!r:.100}): fetch or export it again")


def _check(path: Path, reader: GGUFReader, shape: Shape) -> None:
    """The file's metadata against the configuration; all differences are named at once."""
    wanted: dict[str, float] = {
        Keys.LLM.BLOCK_COUNT: shape.layers,
        Keys.LLM.EMBEDDING_LENGTH: shape.d,
        Keys.LLM.FEED_FORWARD_LENGTH: shape.ff,
        Keys.LLM.CONTEXT_LENGTH: shape.context,
        Keys.LLM.VOCAB_SIZE: shape.vocabulary,
        Keys.Attention.HEAD_COUNT: shape.heads,
        Keys.Attention.HEAD_COUNT_KV: shape.kv_heads,
        Keys.Attention.LAYERNORM_RMS_EPS: shape.epsilon,
        Keys.Rope.FREQ_BASE: shape.theta,
    }
    values = {name: field.contents() for name, field in reader.fields.items() if name.startswith((ARCHITECTURE, "gen"))}
    if values.get(Keys.General.ARCHITECTURE) != ARCHITECTURE:
        sys.exit(f"{path} is a model of another architecture, {values.get(Keys.General.ARCHITECTURE)!r}: pass a llama")
    differ = []
    for key, value in wanted.items():
        found = values.get(key.format(arch=ARCHITECTURE))
        if not isinstance(found, (int, float)) or not math.isclose(found, value, rel_tol=1e-6):
            differ.append(f"{key.removeprefix('{arch}.')} {found}, not {value}")
    if differ:
        sys.exit(f"{path} has another shape than the configuration ({'; '.join(differ)}): pass its own with --config")
