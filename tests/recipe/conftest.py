"""The recipe's programs are scripts beside each other, not a package: their folder joins the path."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import RECIPE
from wheels import code

sys.path.append(str(RECIPE))

N_VOCABULARY = 300
SETTINGS = """
[shape]
vocabulary = 300
d = 32
layers = 1
heads = 2
kv_heads = 1
ff = 256
context = 64

[training]
rows = 4
micro_rows = 2
warmup_steps = 2
"""


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """A run takes SIGTERM and SIGINT for itself."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text shards, NOTICE, tokenizer and settings of a toy, as the programs write them."""
    pytest.importorskip("tokenizers", reason="tokenizers is not installed: pip install -r models/tiny/requirements.txt")
    import tokenizer

    folder = tmp_path_factory.mktemp("data")
    for split in ("train", "valid", "test"):
        texts = [code(n).encode() for n in range(20)]
        (folder / f"{split}.utf8").write_bytes(b"".join(texts))
        entries = [("some", f"{n}.py", len(text)) for n, text in enumerate(texts)]
        (folder / f"{split}.files.json").write_text(json.dumps(entries))
    tokenizer.train(iter([code(n) for n in range(9)]), N_VOCABULARY).save(str(folder / "tokenizer.json"))
    (folder / "toy.toml").write_text(SETTINGS)
    (folder / "NOTICE.tsv").write_text("name\tversion\tlicence\tbytes\nsome\t1\tMIT\t9\n")
    return folder
