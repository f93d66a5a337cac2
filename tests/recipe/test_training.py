"""A toy run: it goes on with the loss that it would have had, and stops at a loss that is no number."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from places import RECIPE

import recipe

MISSING = "torch and tokenizers are not installed: pip install -r models/tiny/requirements.txt"
torch = pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("tokenizers", reason=MISSING)
run = pytest.importorskip("run")
tokenizer = pytest.importorskip("tokenizer")
model = pytest.importorskip("model")
progress = pytest.importorskip("progress")


def fresh(data: Path) -> Any:
    settings, encoder = recipe.load(data / "toy.toml"), tokenizer.Encoder(data / "tokenizer.json")
    return run.Run(settings, encoder, data, progress.Phase(), run.Machine())


def losses(toy: Any, n: int) -> list[float]:
    batches = toy.batches()
    return [toy.step(next(batches)) for _ in range(n)]


def test_a_resumed_run_gives_the_same_losses(data: Path, tmp_path: Path) -> None:
    whole = losses(fresh(data), 5)
    first = fresh(data)
    begun = losses(first, 3)
    first.save(tmp_path)
    second = fresh(data)
    second.restore(tmp_path)
    assert begun + losses(second, 2) == whole
    assert second.progress.step == 5


def test_answers_count_for_more_from_their_share_of_the_phase_on(data: Path) -> None:
    toy = fresh(data)
    training = dataclasses.replace(toy.recipe.training, answer_weight=5.0, answers_from=0.5)
    toy.recipe, toy.phase = dataclasses.replace(toy.recipe, training=training), progress.Phase(tokens=400)
    found = []
    for n_tokens in (0, 196, 4):
        toy.progress = toy.progress.after(n_tokens, 1.0)
        found.append(toy.answer_weight)
    assert found == [1.0, 1.0, 5.0]


def test_a_stack_of_matrices_is_made_orthogonal_one_by_one() -> None:
    optim = pytest.importorskip("optim")
    torch.manual_seed(0)
    stack = torch.randn(3, 8, 4)
    together = optim.orthogonal(stack)
    for each, gradient in zip(together, stack, strict=True):
        torch.testing.assert_close(each, optim.orthogonal(gradient))
    assert 0.6 < torch.linalg.svdvals(together).min() <= torch.linalg.svdvals(together).max() < 1.3


def test_other_settings_or_another_tokenizer_are_refused(data: Path, tmp_path: Path) -> None:
    fresh(data).save(tmp_path)
    state = torch.load(tmp_path / "ckpt-00000000.pt", weights_only=True)
    for change, said in (({"tokenizer_sha256": "0"}, "another tokenizer"), ({"recipe": {"shape": {}}}, "other shape")):
        torch.save({**state, **change}, tmp_path / "ckpt-00000000.pt")
        with pytest.raises(SystemExit, match=said):
            fresh(data).restore(tmp_path)


def test_weights_that_are_not_finite_are_not_written(data: Path, tmp_path: Path) -> None:
    toy = fresh(data)
    toy.save(tmp_path)
    toy.progress = toy.progress.after(1, 1.0)
    with torch.no_grad():
        toy.model.norm.weight[0] = math.nan
    with pytest.raises(SystemExit, match=r"not finite after step 1: the last whole checkpoint is .*ckpt-00000000\.pt"):
        toy.save(tmp_path)


def test_a_loss_that_is_no_number_ends_the_program(data: Path, tmp_path: Path) -> None:
    """The step is named, the exit code is not 0, and the last good checkpoint stays."""
    toy = fresh(data)
    losses(toy, 2)
    toy.save(tmp_path)
    state = torch.load(tmp_path / "ckpt-00000002.pt", weights_only=True)
    state["model"]["norm.weight"][0] = math.inf
    torch.save(state, tmp_path / "ckpt-00000002.pt")
    before = (tmp_path / "ckpt-00000002.pt").read_bytes()
    given = {"--config": data / "toy.toml", "--data": data, "--tokenizer": data / "tokenizer.json", "--out": tmp_path}
    command = [sys.executable, RECIPE / "train.py", *(part for pair in given.items() for part in pair)]
    done = subprocess.run([*map(str, command), "--tokens", "9999"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "the loss is nan in step 3: the last whole checkpoint is" in done.stderr
    assert (tmp_path / "ckpt-00000002.pt").read_bytes() == before


def test_exported_weights_go_on(data: Path, tmp_path: Path) -> None:
    """As they were, with rows that they have not seen; another tokenizer's are refused."""
    pytest.importorskip("gguf")
    toy = fresh(data)
    losses(toy, 3)
    toy.save(tmp_path)
    export = [sys.executable, RECIPE / "export.py", "--checkpoint", tmp_path, "--tokenizer", data / "tokenizer.json"]
    subprocess.run([*export, "--data", data, "--out", tmp_path, "--name", "toy"], check=True, capture_output=True)
    again = fresh(data)
    again.adopt(tmp_path / "toy-f32.gguf")
    assert again.progress.tokens == toy.progress.tokens
    for name, weight in again.model.named_parameters():
        torch.testing.assert_close(weight, toy.model.get_parameter(name), rtol=0, atol=0)
    vocabulary = again.encoder.tokens
    again.encoder = SimpleNamespace(tokens=vocabulary[::-1])
    with pytest.raises(SystemExit, match="has other tokens"):
        again.adopt(tmp_path / "toy-f32.gguf")


def test_the_loss_in_chunks_is_cross_entropy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "CHUNK", 3)
    torch.manual_seed(0)
    shape = recipe.Shape(vocabulary=40, d=16, layers=1, heads=2, kv_heads=1, ff=256, context=8)
    llama = model.Llama(shape)
    ids = torch.randint(40, (2, 9))
    weights = torch.tensor([[1.0] * 8, [1.0] * 5 + [4.0] * 3])
    loss = llama(ids[:, :-1], ids[:, 1:].contiguous(), weights)
    loss.backward()
    found = {name: weight.grad.clone() for name, weight in llama.named_parameters()}
    llama.zero_grad()
    each = torch.nn.functional.cross_entropy(
        llama.logits(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
    )
    plain = (each * weights.flatten()).sum() / weights.sum()
    plain.backward()
    torch.testing.assert_close(loss, plain)
    for name, weight in llama.named_parameters():
        torch.testing.assert_close(found[name], weight.grad)


def test_a_mark_in_a_source_file_stays_text(data: Path) -> None:
    encoder = tokenizer.Encoder(data / "tokenizer.json")
    ids = encoder.encode("x = '<|fim_middle|>'")
    assert tokenizer.FIM_MIDDLE not in ids
    assert encoder.decode(ids) == "x = '<|fim_middle|>'"
