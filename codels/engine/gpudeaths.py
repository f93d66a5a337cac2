"""What becomes of a model that an engine has died of on a GPU: it is loaded onto the CPU, and the user is told.

A driver that does not fit kills the process where it should answer with an error: while the model is loaded, or at its
first work, when the first kernel runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from codels.backends import LoadSpec
from codels.engine.status import State, Status, died


@dataclass(slots=True)
class GpuDeaths:
    """Of one engine's lives. `has_worked`: the model that is loaded has answered something, so later deaths have other
    causes.
    """

    has_worked: bool = False
    _problems: dict[int | None, str] = field(default_factory=dict)
    """By `gpu_layers`: another wish is another try."""

    def begin(self, spec: LoadSpec) -> LoadSpec:
        """What is to be loaded for `spec`: the same on the CPU, where it was deadly before."""
        self.has_worked = False
        return replace(spec, gpu_problem=self._problems.get(spec.gpu_layers, ""))

    def after(self, cause: str, spec: LoadSpec | None, status: Status) -> Status:
        """What follows a death in this status: where the GPU may be its cause, the load goes on without."""
        name = Path(spec.path).name if spec else ""
        if self.has_worked or not (spec and status.gpu):
            return Status(State.DOWN, died(cause, name if status.state is State.LOADING else ""))
        when = f"at the first work of {name} on" if status.info else f"while it loaded {name} onto"
        notice = self._problems[spec.gpu_layers] = (
            f"{died(cause, '')} {when} {status.gpu}: the CPU is used instead; is the GPU's driver up to date, and made "
            "for this llama-cpp-python? codels.gpu_layers 0 spares the try"
        )
        return Status(State.LOADING, notice, notice=notice)
