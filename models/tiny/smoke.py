"""A toy goes the whole way in about a minute: prepare, tokenizer, train, go on, export, verify, complete, evaluate.

`make recipe-smoke` runs it. The corpus is 1 MB of the running Python's standard library. Shows that the recipe works
from end to end; says nothing about how good a model gets.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import quality
import sources

HERE = Path(__file__).parent
HELD_OUT = {"json": "valid", "email": "test"}
"""Packages of the standard library that the toy does not learn from."""

TRAIN_BYTES, HELD_OUT_BYTES = 800_000, 100_000
N_TOKENS = 200_000
N_HOLES = 10

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2)

PROBE = "import json\n\n\ndef load(path):\n    with open(path) as file:\n        return json.\n"
PROBE_AT = "6:21"


def main() -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="recipe-smoke-") as name:
        journey(Path(name))
    print(f"recipe-smoke: passed in {time.monotonic() - started:.0f} s")


def journey(folder: Path) -> None:
    """Every program of the recipe once; each one's failure ends this one."""
    data, run, out = folder / "data", folder / "run", folder / "out"
    tokenizer = data / "tokenizer.json"
    write_corpus(folder / "corpus")
    recipe("prepare.py", "--from", folder / "corpus", "--out", data)
    recipe("tokenizer.py", "--data", data, "--vocabulary", 1024, "--out", tokenizer)
    training = ("--config", HERE / "config/toy.toml", "--data", data, "--tokenizer", tokenizer, "--threads", 1)
    recipe("train.py", *training, "--out", run, "--tokens", N_TOKENS / 2)
    # Goes on where the first one ended, and in two processes.
    step("torchrun train.py", *TORCHRUN, HERE / "train.py", *training, "--out", run, "--tokens", N_TOKENS)
    recipe("export.py", "--checkpoint", run, "--tokenizer", tokenizer, "--data", data, "--out", out, "--name", "toy")
    recipe("verify.py", "--export", out, "--data", data, "--snippets", 500, "--prompts", 5)
    complete(folder, out / "toy-f16.gguf")
    held_out = ("--data", folder / "corpus/test.jsonl.xz", "--n", N_HOLES)
    recipe("fit_copying.py", out / "toy-f16.gguf", *held_out)
    step("codels evaluate", "-m", "codels", "evaluate", out / "toy-f16.gguf", "line-end", *held_out)


def write_corpus(folder: Path) -> None:
    """Shards as `prepare.py --from` reads them, each with the first good files up to its size."""
    folder.mkdir()
    room = {"train-0": TRAIN_BYTES, "valid": HELD_OUT_BYTES, "test": HELD_OUT_BYTES}
    rows: dict[str, list[str]] = {split: [] for split in room}
    for package, source in good_files():
        split = HELD_OUT.get(package, "train-0")
        if len(source.content) <= room[split]:
            room[split] -= len(source.content)
            rows[split].append(json.dumps({"p": package, "f": source.path, "t": source.content.decode()}))
    for split, lines in rows.items():
        with lzma.open(folder / f"{split}.jsonl.xz", "wt", encoding="utf-8", preset=0) as file:
            file.write("\n".join(lines) + "\n")
    manifest = f"name\tversion\tlicence\tbytes\ncpython\t{sources.stdlib_version()}\tPSF-2.0\t{TRAIN_BYTES}\n"
    (folder / "MANIFEST.tsv").write_text(manifest, encoding="utf-8")


def good_files() -> Iterator[tuple[str, sources.Source]]:
    for source in sources.of_stdlib():
        if not quality.is_test(source.path) and not quality.reason(source.path, source.content):
            yield source.path.partition("/")[0].removesuffix(".py"), source


def complete(folder: Path, model: Path) -> None:
    """codels loads the toy and asks it; what it says is noise, that it says something is the check."""
    probe = folder / "probe.py"
    probe.write_text(PROBE, encoding="utf-8")
    command = ("codels", "complete", f"{probe}:{PROBE_AT}", "--model", model, "--json")
    answer = json.loads(step("codels complete", "-m", *command, may_fail=True))
    if not answer["stats"] or not answer["stats"]["n_decoded"]:
        sys.exit(f"recipe-smoke: the toy did not answer: {answer['reason'] or answer}")


def recipe(program: str, *arguments: object) -> None:
    step(program, HERE / program, *arguments)


def step(title: str, *arguments: object, may_fail: bool = False) -> str:
    """Runs one program of this interpreter and tells how long it took; its output is shown where it fails."""
    started = time.monotonic()
    command = [sys.executable, *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    print(f"recipe-smoke: {title} {time.monotonic() - started:.1f} s", flush=True)
    if process.returncode and not may_fail:
        sys.exit(f"{process.stdout}\n{process.stderr}\nrecipe-smoke: {title} ended with {process.returncode}")
    return process.stdout


if __name__ == "__main__":
    main()
