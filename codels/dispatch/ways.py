"""Which model serves a role on this machine, and why: the first way of `WAYS` that some installed model fits.

Pure: rows in, one `Choice` out. Who wants another model names it; then nothing is asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from codels import backends
from codels.core import Role
from codels.dispatch.latency import TASKS, Task, answer_s
from codels.dispatch.skills import SKILLS
from codels.machine import Device, DeviceKind, Machine
from codels.registry import uses
from codels.registry.card import ModelCard
from codels.registry.installed import Candidate
from codels.sizes import size_text

BATTERY_SHARE = 0.25
"""Of the time, and so of the energy, that an answer may cost on battery: a smaller model is taken for it."""

GPU_RESERVE_BYTES = 600_000_000
"""What stays free of a GPU beside weights and KV cache: `planning.GPU_RESERVE_BYTES`, and the intermediate results."""

SHARED_BYTES_PER_S = 60e9
"""What GPUs without memory of their own read: 68 GB/s in Apple's M1, up to 77 in laptops with DDR5-4800, by their data
sheets. Those with memory of their own read all of it 20 times a second or more (T4: 320 GB/s of 16 GB, RTX 4090: 1008
of 24, H100: 3350 of 80), so that what fits them writes a line in a second."""

_UNIFIED = ("Metal", "MTL")
"""Libraries of GPUs that have no memory of their own, whatever they call themselves."""

MIN_CUDA = (5, 0)
"""Compute capability; CUDA 12, which llama.cpp's kernels are compiled with, knows none below (NVIDIA's nvcc manual)."""

SMALL_BYTES = 100_000_000
"""A model that takes less than its process itself is in nobody's way."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`limit_bytes` for this model; `shared` is the id of a loaded one that costs nothing more, and that has taken
    `gpu_bytes` of the GPU's memory."""

    limit_bytes: int
    shared: str = ""
    gpu_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """`card` None: nothing here can serve. `rejected` maps the other candidates' ids to why not."""

    role: Role
    card: ModelCard | None
    reason: str
    way: str = ""
    need_bytes: int = 0
    rejected: dict[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        return f"{self.role}: {self.card.id if self.card else 'none'}: {self.reason}"


@dataclass(frozen=True, slots=True)
class _Case:
    """One candidate for one role."""

    candidate: Candidate
    task: Task
    machine: Machine
    budget: Budget


@dataclass(frozen=True, slots=True)
class _Fit:
    is_good: bool
    why: str


def suited(role: Role, candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates that have a skill for the role."""
    return [candidate for candidate in candidates if candidate.card.skills & set(SKILLS[role])]


def choose(role: Role, candidates: Iterable[Candidate], machine: Machine, budget: Budget) -> Choice:
    """By skill first, then by way, then the biggest that fits."""
    cases = [_Case(candidate, TASKS[role], machine, budget) for candidate in suited(role, candidates)]
    for skill in SKILLS[role]:
        ranked = sorted((case for case in cases if skill in case.candidate.card.skills), key=_rank)
        for way, fits in WAYS.items():
            for case in ranked:
                if (fit := fits(case)).is_good:
                    chosen = case.candidate
                    others = [other for other in cases if other is not case]
                    rejected = {other.candidate.card.id: _why_not(other, chosen) for other in others}
                    return Choice(role, chosen.card, fit.why, way, chosen.need_bytes, rejected)
    rejected = {case.candidate.card.id: _why_not(case, None) for case in cases}
    return Choice(role, None, _nothing(role, is_any_able=bool(cases)), rejected=rejected)


def alone(role: Role, candidates: Iterable[Candidate]) -> Choice | None:
    """The choice where the machine need not be asked: nothing can serve, or only what is in nobody's way."""
    able = suited(role, candidates)
    if not able:
        return Choice(role, None, _nothing(role, is_any_able=False))
    if len(able) == 1 and able[0].need_bytes <= SMALL_BYTES:
        reason = "it is the only model on this machine that can do this"
        return Choice(role, able[0].card, reason, need_bytes=able[0].need_bytes)
    return None


def _on_gpu(case: _Case) -> _Fit:
    if case.candidate.card.backend != "llama.cpp" or not case.machine.devices.gpus:
        return _Fit(False, "")
    device = max(case.machine.devices.gpus, key=lambda gpu: (gpu.kind is not DeviceKind.IGPU, _room(gpu)))
    name = f"{device.description or device.name}{f' ({device.library})' if device.library else ''}"
    if device.capability and _version(device.capability) < MIN_CUDA:
        least = ".".join(map(str, MIN_CUDA))
        return _Fit(False, f"{name} has compute capability {device.capability}, {least} is the least")
    need, room = case.candidate.need_bytes + GPU_RESERVE_BYTES, _room(device)
    left = room - (case.budget.gpu_bytes if case.budget.shared != case.candidate.card.id else 0)
    if room and need > left:
        return _Fit(False, f"needs {size_text(need)}, {name} has {size_text(max(0, left))} free")
    free = f" of {size_text(left)} that are free" if room else ""
    fit = f"the biggest that fits {name}: needs {size_text(need)}{free}"
    if device.kind is not DeviceKind.IGPU and device.library not in _UNIFIED:
        return _Fit(True, fit)
    takes, problem = _time(case, case.candidate.weights_bytes * case.task.n_written / SHARED_BYTES_PER_S)
    return _Fit(not problem, f"{takes} on {name}, whose memory is the machine's, {problem}" if problem else fit)


def _on_cpu(case: _Case) -> _Fit:
    return _within(case) if case.candidate.card.backend in ("llama.cpp", "fake") else _Fit(False, "")


def _within(case: _Case) -> _Fit:
    """Whether it fits the memory and is fast enough on the CPU."""
    candidate, machine, limit = case.candidate, case.machine, case.budget.limit_bytes
    need = 0 if case.budget.shared == candidate.card.id else candidate.need_bytes
    if need > max(limit, SMALL_BYTES):
        return _Fit(False, f"needs {size_text(need)}, {size_text(limit)} are for models (codels.memory_mb)")
    if machine.free_bytes and need > machine.free_bytes:
        return _Fit(False, f"needs {size_text(need)}, {size_text(machine.free_bytes)} of memory are free")
    seconds, source = answer_s(candidate, case.task, machine.threads)
    takes, problem = _time(case, seconds)
    takes = f"{takes} on the CPU ({source})"
    power = ", on battery" if machine.is_on_battery else ""
    return _Fit(not problem, f"{takes}, {problem}" if problem else f"the biggest that is fast enough: {takes}{power}")


def _time(case: _Case, seconds: float) -> tuple[str, str]:
    """How long an answer takes, in words, and whether that is too long."""
    is_saving = case.machine.is_on_battery
    limit_s = case.task.limit_s * (BATTERY_SHARE if is_saving else 1.0)
    problem = f"over the limit of {limit_s:g} s{' on battery' if is_saving else ''}" if seconds > limit_s else ""
    return f"{case.task.thing} takes about {seconds:.2g} s", problem


def _in_full(case: _Case) -> _Fit:
    if case.candidate.card.backend != "transformers":
        return _Fit(False, "")
    problem = uses.not_yet(case.candidate.card) or backends.lacking(case.candidate.card.backend)
    return _Fit(False, problem) if problem else _within(case)


WAYS: dict[str, Callable[[_Case], _Fit]] = {"gpu": _on_gpu, "cpu": _on_cpu, "transformers": _in_full}
"""In this order. A way that is not for a model or a machine says nothing."""


def _rank(case: _Case) -> tuple[bool, int, bool, str]:
    """A model that is loaded anyway first, then the biggest; of equal ones, one that knows any language."""
    card = case.candidate.card
    return card.id != case.budget.shared, -case.candidate.need_bytes, bool(card.languages), card.id


def _why_not(case: _Case, chosen: Candidate | None) -> str:
    """What each way says against a model, or that another one goes before it."""
    fits = [way(case) for way in WAYS.values()]
    if chosen and any(fit.is_good for fit in fits):
        if case.budget.shared == chosen.card.id:
            return f"{chosen.card.id} is loaded anyway"
        is_smaller = case.candidate.need_bytes < chosen.need_bytes
        return f"smaller than {chosen.card.id}" if is_smaller else f"{chosen.card.id} comes first"
    return "; ".join(fit.why for fit in fits if fit.why) or f"no back end is known for {case.candidate.card.backend}"


def _nothing(role: Role, is_any_able: bool) -> str:
    if is_any_able:
        return f"no model on this machine can do this: name one in codels.models.{role} to use it all the same"
    skills = " or ".join(SKILLS[role])
    return f"no model on this machine has the skill {skills}: `codels models list` shows which there are"


def _room(device: Device) -> int:
    return device.free_bytes or device.total_bytes


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())
