"""When to speak: calibrates the gate of a model's card, and draws how precise it is against how often it speaks.

    codels evaluate MODEL line-end --typed --data valid.jsonl.xz --out valid.jsonl     # and for test
    python fit_gate.py valid.jsonl [test.jsonl --picture curve.svg]

Logistic regression (Platt, 1999) of "the first line is exactly right" on its log-probability, by Newton's method.
The three thresholds are those at which the validation rows reach the wanted precision.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from codels.gate import Gate

PRECISION = {"low": 0.9, "medium": 0.85, "high": 0.65}
"""Of what is shown, wanted on the validation packages."""

STEPS = 50


def load(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Log-probabilities and whether they were right, of the rows with an answer; and the number of all rows.

    Ends with a sentence for a file that is missing, is none of `codels evaluate`, or has no answers.
    """
    try:
        rows = [row for row in map(json.loads, path.read_text("utf-8").splitlines()) if "exact" in row]
        answered = [row for row in rows if row["answer"]]
        right = np.array([row["exact"] > 0 for row in answered], float)
        logprobs = np.array([row["logprob"] for row in answered], float)
    except OSError as error:
        sys.exit(f"{path} cannot be read ({error.strerror}): write it with codels evaluate --out")
    except (ValueError, TypeError, KeyError) as error:
        sys.exit(f"{path} is no file of codels evaluate line-end ({error!r:.100}): write it with --out")
    if not answered:
        sys.exit(f"{path} has no answers in {len(rows)} rows: evaluate more holes, with a card without [gate]")
    return logprobs, right, len(rows)


def fit(logprobs: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Intercept and slope. Ends with a sentence where no chance fits: all are right, none is, or a line parts them."""
    if right.all() or not right.any():
        sys.exit(f"all {len(right)} answers are {'right' if right.all() else 'wrong'}: evaluate more holes")
    x = np.stack([np.ones_like(logprobs), logprobs], 1)
    beta = np.zeros(2)
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-x @ beta))
        hessian = (x * (p * (1 - p))[:, None]).T @ x
        try:
            beta += np.linalg.solve(hessian, x.T @ (right - p))
        except np.linalg.LinAlgError:
            sys.exit(f"{len(right)} answers are too few, or too much alike, for a fit: evaluate more holes")
    return float(beta[0]), float(beta[1])


def threshold(chances: np.ndarray, right: np.ndarray, precision: float) -> float:
    """The least chance from which on at least `precision` of what is shown is right."""
    order = np.argsort(-chances)
    so_far = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(so_far >= precision)
    return float(chances[order][enough[-1]]) if len(enough) else 1.0


def curve(chances: np.ndarray, right: np.ndarray, n: int) -> list[tuple[float, float]]:
    """Shares shown of all carets, in percent, with the precision of what is shown."""
    so_far = np.cumsum(right[np.argsort(-chances)])
    return [(100 * k / n, 100 * so_far[k - 1] / k) for k in range(max(1, n // 50), len(so_far) + 1)]


def report(name: str, gate: Gate, path: Path) -> list[tuple[float, float]]:
    logprobs, right, n = load(path)
    chances = np.array([gate.chance(p) for p in logprobs])
    for step in ("low", "medium", "high"):
        shown = chances >= getattr(gate, step)
        said = f"{right[shown].mean():.1%} right, {shown.sum() / n:.1%} shown" if shown.any() else "nothing is shown"
        print(f"{name} {step:6} at {getattr(gate, step):.3f}: {said}")
    bins = [(low, (chances >= low) & (chances < low + 0.2)) for low in (0.0, 0.2, 0.4, 0.6, 0.8)]
    said = ", ".join(f"{chances[i].mean():.2f} → {right[i].mean():.2f} (n={i.sum()})" for _, i in bins if i.any())
    print(f"{name} calibration, said → right: {said}")
    return curve(chances, right, n)


def draw(curves: dict[str, list[tuple[float, float]]], picture: Path) -> None:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(6, 3.6))
    for name, points in curves.items():
        axes.plot(*zip(*points, strict=True), label=name)
    axes.set(xlabel="carets with a suggestion, %", ylabel="first line exactly right, %", xlim=(0, 100), ylim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend()
    plt.savefig(picture, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description="When to speak: calibrates the gate of a model's card.")
    parser.add_argument("valid", type=Path)
    parser.add_argument("test", type=Path, nargs="?")
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    logprobs, right, _ = load(args.valid)
    intercept, slope = fit(logprobs, right)
    chances = np.array([Gate(intercept, slope, 0, 0, 0).chance(p) for p in logprobs])
    steps = {step: round(threshold(chances, right, wanted), 3) for step, wanted in PRECISION.items()}
    gate = Gate(round(intercept, 3), round(slope, 3), **steps)
    curves = {"validation packages": report("valid", gate, args.valid)}
    if args.test:
        curves["test packages"] = report("test", gate, args.test)
    if args.picture:
        draw(curves, args.picture)
    fields = "\n".join(f"{name} = {getattr(gate, name)}" for name in ("intercept", "slope", "low", "medium", "high"))
    print(f"[gate]\n{fields}")


if __name__ == "__main__":
    main()
