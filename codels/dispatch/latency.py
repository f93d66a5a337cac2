"""How long an answer takes on the CPU: as measured on this machine, else estimated from a model's size."""

from __future__ import annotations

from dataclasses import dataclass

from codels.core import Role
from codels.registry.installed import Candidate

FLOPS_PER_THREAD = 80e9
BYTES_PER_S_PER_THREAD = 10e9
"""A 0.5 B model in Q8_0 read 81 and wrote 20 tokens a CPU second on an AVX2 core; in Q4_0 the products
with parameters and bytes were the same (90 and 33): reading is bound by arithmetic, two operations a parameter, writing
by memory."""

MAX_BYTES_PER_S = 40e9
"""All cores together get no more out of two channels of DDR4-3200 (51 GB/s by its data sheet)."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one answer costs: tokens read and written, and how long it may take in seconds."""

    n_read: int
    n_written: int
    limit_s: float
    thing: str


TASKS: dict[Role, Task] = {
    Role.COMPLETION: Task(30, 20, 1.0, "a line"),
    Role.DOCSTRING: Task(400, 80, 10.0, "a docstring"),
    Role.INSTRUCT: Task(600, 150, 10.0, "an answer"),
    Role.EMBED: Task(256, 0, 1.0, "a vector"),
}
"""A key of `codels bench --only typing` reads 26 tokens and writes 18 (mean of 341 that asked the model).
One second does not break a train of thought, ten hold the attention (Nielsen, Usability Engineering, 1993, 5.5)."""


def answer_s(candidate: Candidate, task: Task, n_threads: int) -> tuple[float, str]:
    """Seconds that an answer takes on the CPU, and whether that was measured or estimated."""
    speed = candidate.speed
    if speed and speed.threads == n_threads:
        return task.n_read / speed.read_per_s + task.n_written / speed.written_per_s, "measured"
    parameters = candidate.card.parameters or candidate.weights_bytes  # a byte each, as in Q8_0
    read_s = 2 * parameters * task.n_read / (FLOPS_PER_THREAD * n_threads)
    per_s = min(BYTES_PER_S_PER_THREAD * n_threads, MAX_BYTES_PER_S)
    return read_s + candidate.weights_bytes * task.n_written / per_s, "estimated"
