"""A checkpoint as other programs read it: safetensors for transformers; GGUF in F32, F16, Q8_0 and K-quants.

    python export.py --checkpoint DIR --tokenizer FILE --data DIR --out DIR --name codels-tiny

K-quants are left out where the shape's rows do not fit them, and where `--formats` names others only: they need
llama.cpp, and the F32 file beside them. `verify.py` checks what was written.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

import checkpoint
import recipe
from gguf_file import write
from notice import NOTICE, write_notice
from quantise import KINDS, fits, quantise
from recipe import Recipe
from tokenizer import END, FIM_PAD, MARKS, Encoder

LICENSE = "MIT"

FORMATS = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}


def main() -> None:
    arguments = parse()
    state = checkpoint.load(arguments.checkpoint)
    settings = recipe.parse(state["recipe"]["name"], {k: v for k, v in state["recipe"].items() if k != "name"})
    encoder = Encoder(arguments.tokenizer)
    recipe.check(encoder.sha256 == state["tokenizer_sha256"], f"{arguments.tokenizer} is not the run's tokenizer")
    arguments.out.mkdir(parents=True, exist_ok=True)
    notice = arguments.out / NOTICE
    write_notice(arguments.data / NOTICE, notice)
    notes = {
        "manifest_sha256": hashlib.sha256(notice.read_bytes()).hexdigest(),
        "tokens_seen": str(state["progress"]["tokens"]),
    }
    save_transformers(arguments.out / "hf", state, settings, arguments.tokenizer, notes)
    weights: dict[str, NDArray[np.float32]] = {name: w.float().numpy() for name, w in state["model"].items()}
    tokenizer = json.loads(arguments.tokenizer.read_text("utf-8"))
    for suffix in (name for name in FORMATS if name in arguments.formats):
        kind, file_type = FORMATS[suffix]
        path = arguments.out / f"{arguments.name}-{suffix}.gguf"
        write(path, settings.shape, weights, tokenizer, (kind, file_type), (arguments.name, LICENSE, notes))
        describe(path)
    for k_quant in (name for name in KINDS if name in arguments.formats and fits(settings.shape)):
        path = arguments.out / f"{arguments.name}-{k_quant}.gguf"
        quantise(arguments.out / f"{arguments.name}-f32.gguf", path, k_quant)
        describe(path)


def describe(path: Path) -> None:
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


def save_transformers(
    folder: Path, state: dict[str, Any], settings: Recipe, tokenizer: Path, notes: dict[str, str]
) -> None:
    """What `LlamaForCausalLM.from_pretrained` and `AutoTokenizer.from_pretrained` want."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}": weight.contiguous() for name, weight in state["model"].items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt", "license": LICENSE, **notes})
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    save_json(folder / "config.json", llama_config(settings))
    save_json(folder / "generation_config.json", {"eos_token_id": END, "pad_token_id": FIM_PAD})
    save_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": MARKS[END],
            "pad_token": MARKS[FIM_PAD],
            "additional_special_tokens": list(MARKS[1:4] + MARKS[5:7]),
            "clean_up_tokenization_spaces": False,
            "model_max_length": settings.shape.context,
        },
    )


def llama_config(settings: Recipe) -> dict[str, Any]:
    shape = settings.shape
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.d,
        "intermediate_size": shape.ff,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.epsilon,
        "rope_theta": shape.theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.theta},
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": END,
        "eos_token_id": END,
        "pad_token_id": FIM_PAD,
        "dtype": "float32",
    }


def save_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="a checkpoint, or a folder with some")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare.py wrote: its NOTICE.tsv is kept")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="codels-tiny")
    every = [*FORMATS, *KINDS]
    parser.add_argument("--formats", nargs="+", choices=every, default=every, help="of GGUF files (default: all)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
