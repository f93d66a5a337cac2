"""What the user may set, with its defaults and its checks.

`parse` never raises and never stops the server: a bad value becomes its default and a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from codels.core import Role
from codels.gate import Eagerness

AUTO = "auto"
"""Chosen for the machine. For a model: the one of `codels models use`, else the best that this machine serves."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The section `codels` of the editor's configuration."""

    enable: bool = True
    disabled_languages: tuple[str, ...] = ()
    model: str = AUTO
    """For completion: a model id, the path of a GGUF file, or `AUTO`. `models` wins over it."""
    models: tuple[tuple[Role, str], ...] = ()
    """The same for each role, in the order of `Role`; a role that is left out is `AUTO`."""
    max_tokens: int = 96
    max_ms: int = 2000
    """Time for one answer, in milliseconds; what is there by then is used."""
    multiline: bool = True
    candidates: int = 3
    """How many suggestions an explicit request asks for."""
    temperature: float = 0.0
    """0 takes the likeliest token each time."""
    eagerness: Eagerness = Eagerness.MEDIUM
    """How sure the model must be before it speaks unasked: "low" shows the least, "high" the most."""
    offline: bool = False
    """Nothing is fetched from the network or sent to another machine; what would have been needed is said."""
    threads: int = 0
    """CPU threads of the model; 0 means one less than there are cores, and at least one."""
    memory_mb: int = 0
    """What all loaded models may take together, in MB (1,000,000 bytes); 0 means half of the machine's memory."""
    context_window: int = 0
    """Tokens that the model can look at; 0 takes as many as the machine reads in time."""
    gpu_layers: int | None = None
    """Layers of the model on the GPU; None ("auto") takes as many as fit, 0 the CPU alone."""

    def wanted(self, role: Role) -> str:
        """The model that was named for a role, or `AUTO`."""
        return dict(self.models).get(role) or (self.model if role is Role.COMPLETION else AUTO)


_Check = tuple[Callable[[Any], bool], str]


def _whole(low: int, high: int) -> _Check:
    return (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
        f"a whole number from {low} to {high}",
    )


_MODEL: _Check = (
    lambda value: isinstance(value, str) and bool(value.strip()),
    f'a model id, the path of a GGUF file or "{AUTO}"',
)


def _or_0(low: int, high: int) -> _Check:
    is_within, words = _whole(low, high)
    return lambda value: is_within(value) or (value == 0 and value is not False), f"0 or {words}"


_BOOL: _Check = (lambda value: isinstance(value, bool), "true or false")

_CHECKS: dict[str, _Check] = {
    "enable": _BOOL,
    "disabled_languages": (
        lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
        'a list of language ids such as ["markdown"]',
    ),
    "model": _MODEL,
    "models": (
        lambda value: isinstance(value, Mapping) or value == [],  # Lua writes an empty table as a list
        f'an object of models such as {{"completion": "{AUTO}"}}',
    ),
    "max_tokens": _whole(1, 2048),
    "max_ms": _whole(50, 600_000),
    "multiline": _BOOL,
    "candidates": _whole(1, 8),
    "temperature": (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 2,
        "a number from 0 to 2",
    ),
    "eagerness": (lambda value: value in list(Eagerness), f"one of {', '.join(Eagerness)}"),
    "offline": _BOOL,
    "threads": _whole(0, 256),
    "memory_mb": _whole(0, 16_000_000),
    "context_window": _or_0(512, 1 << 20),
    "gpu_layers": (
        lambda value: value == AUTO or _whole(0, 999)[0](value),
        '"auto" or a whole number from 0 to 999',
    ),
}

_READ: dict[str, Callable[[Any], Any]] = {
    "disabled_languages": tuple,
    "eagerness": Eagerness,
    "gpu_layers": lambda value: None if value == AUTO else value,
}
"""JSON's value as the setting's, where they differ; `models` is read by `_models`."""

_SHOWN: dict[str, Callable[[Any], Any]] = {
    "disabled_languages": list,
    "eagerness": str,
    "models": dict,
    "gpu_layers": lambda value: AUTO if value is None else value,
}
"""The other way round, for people."""


def parse(data: object) -> tuple[Settings, tuple[str, ...]]:
    """Settings from JSON values (null means the default), and one sentence for each thing that was wrong."""
    if data is None or data == []:  # Lua writes an empty table as a list
        return Settings(), ()
    if not isinstance(data, Mapping):
        return Settings(), (f"the section 'codels' must be an object, not {_shown(data)}; all defaults are used",)
    values: dict[str, Any] = {}
    problems = []
    for key, value in data.items():
        name = _snake(str(key))
        if name not in _CHECKS:
            problems.append(f"unknown setting 'codels.{key}'; known are {', '.join(sorted(_CHECKS))}")
            continue
        if value is None:
            continue
        is_valid, wanted = _CHECKS[name]
        if not is_valid(value):
            default = _SHOWN.get(name, lambda value: value)(getattr(Settings(), name))
            problems.append(f"'codels.{key}' must be {wanted}, not {_shown(value)}; {default!r} is used")
            continue
        if name == "models":
            values[name], wrong = _models(value or {})
            problems += wrong
        else:
            values[name] = _READ.get(name, lambda value: value)(value)
    return Settings(**values), tuple(problems)


def _models(data: Mapping[Any, Any]) -> tuple[tuple[tuple[Role, str], ...], list[str]]:
    """Models by role, and a sentence for each entry that cannot be one."""
    is_valid, wanted = _MODEL
    problems = [
        f"unknown role {_shown(role)} in 'codels.models'; known are {', '.join(Role)}"
        for role in data
        if role not in list(Role)
    ]
    problems += [
        f"'codels.models.{role}' must be {wanted}, not {_shown(data[role])}; '{AUTO}' is used"
        for role in Role
        if data.get(role) is not None and not is_valid(data[role])
    ]
    return tuple((role, data[role]) for role in Role if is_valid(data.get(role))), problems


def _shown(value: object) -> str:
    try:
        return f"{value!r:.40}"
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists in lists
        return type(value).__name__


def _snake(key: str) -> str:
    """`maxTokens`, the usual spelling in editors, is the same as `max_tokens`."""
    return "".join("_" + char.lower() if char.isupper() else char for char in key)


assert set(_CHECKS) == {field.name for field in fields(Settings)}
