"""The built-in model as transformers keeps it, and as a GGUF file in F32: the same weights. Needs `gguf`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from answers import BUILT_IN

RECIPE = Path(__file__).parents[2] / "models" / "tiny"
TOKENIZER = Path(BUILT_IN).with_name("codels-tiny-tokenizer.json")


def need() -> None:
    """Skip where transformers cannot run."""
    for library in ("torch", "transformers", "safetensors", "gguf"):
        pytest.importorskip(library, reason="it needs transformers: pip install -r models/tiny/requirements.txt")
    if str(RECIPE) not in sys.path:
        sys.path.append(str(RECIPE))


@cache
def _read() -> tuple[Any, dict[str, Any]]:
    """The recipe with the file's own shape, and the weights by transformers' names."""
    import gguf_read
    import recipe

    any_recipe = recipe.load(RECIPE / "config" / "nano.toml")
    mine = replace(any_recipe, shape=_shape())
    return mine, gguf_read.read(Path(BUILT_IN), mine.shape)[0]


def _shape() -> Any:
    import gguf

    import recipe

    fields = {name: field.contents() for name, field in gguf.GGUFReader(BUILT_IN).fields.items() if "." in name}
    return recipe.Shape(
        vocabulary=fields["llama.vocab_size"],
        d=fields["llama.embedding_length"],
        layers=fields["llama.block_count"],
        heads=fields["llama.attention.head_count"],
        kv_heads=fields["llama.attention.head_count_kv"],
        ff=fields["llama.feed_forward_length"],
        context=fields["llama.context_length"],
        theta=fields["llama.rope.freq_base"],
        epsilon=fields["llama.attention.layer_norm_rms_epsilon"],
    )


def write(folder: Path, **config: object) -> Path:
    """The folder, in float32; `config` changes its config.json."""
    from safetensors.numpy import save_file

    import export

    settings, weights = _read()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {f"model.{name}": weight for name, weight in weights.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    (folder / "tokenizer.json").write_bytes(TOKENIZER.read_bytes())
    said = export.llama_config(settings)
    (folder / "config.json").write_text(json.dumps({**said, **config}), "utf-8")
    return folder


def write_gguf(path: Path) -> Path:
    import gguf

    import gguf_file

    settings, weights = _read()
    kind = gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32
    gguf_file.write(path, settings.shape, weights, json.loads(TOKENIZER.read_text("utf-8")), kind, ("m", "MIT", {}))
    return path
