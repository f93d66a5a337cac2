"""Messages between the two processes: one JSON object a line.

Towards the host: load, generate, score, embed, devices, cancel. From it: progress, loaded, step, done, scored,
embedded, devices, failed. `id` ties them together.
"""

from __future__ import annotations

import json
from dataclasses import asdict, astuple
from typing import Any

from codels.backends import Adapter, LoadSpec, ModelInfo, Score, Vectors
from codels.endpoint import Endpoint, Kind
from codels.errors import (
    BackendMissing,
    Cancelled,
    CodelsError,
    EngineDown,
    MarkerMissing,
    ModelError,
    PromptTooLong,
    RemoteError,
    UserError,
)
from codels.generation import Part, Prompt, SamplingParams, Stats, Step
from codels.machine import Device, DeviceKind, Devices

Message = dict[str, Any]

MAX_LINE_BYTES = 1 << 26


def encode(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> Message:
    """Raises `ValueError` where the line is no message."""
    message: Message = json.loads(line)
    if not isinstance(message, dict) or not {"op", "id"} <= set(message):
        raise ValueError("no message")
    return message


def load(id_: int, spec: LoadSpec) -> Message:
    return {"op": "load", "id": id_, "spec": asdict(spec)}


def load_spec(message: Message) -> LoadSpec:
    fields = message["spec"]
    weights = tuple(map(tuple, fields["copy_weights"]))
    adapters = tuple(Adapter(**adapter) for adapter in fields["adapters"])
    lists = {"markers": tuple(fields["markers"]), "copy_weights": weights, "adapters": adapters}
    return LoadSpec(**{**fields, **lists, "remote": _endpoint(fields["remote"])})


def _endpoint(fields: Message | None) -> Endpoint | None:
    return Endpoint(**{**fields, "kind": Kind(fields["kind"])}) if fields else None


def generate(id_: int, prompt: Prompt, params: SamplingParams, is_explicit: bool) -> Message:
    return {
        "op": "generate",
        "id": id_,
        **_prompt(prompt),
        "params": asdict(params),
        "explicit": is_explicit,
    }


def score(id_: int, prompt: Prompt, text: str) -> Message:
    return {"op": "score", "id": id_, **_prompt(prompt), "text": text}


def _prompt(prompt: Prompt) -> Message:
    parts = [[part.text, part.special, part.joined] for part in prompt.parts]
    return {
        "parts": parts,
        "heal": prompt.heal,
        "stop": prompt.stop,
        "sources": prompt.sources,
        "opening": prompt.opening,
    }


def prompt(message: Message) -> Prompt:
    parts = tuple(Part(*fields) for fields in message["parts"])
    return Prompt(parts, message["heal"], tuple(message["stop"]), tuple(message["sources"]), message["opening"])


def params(message: Message) -> SamplingParams:
    fields = message["params"]
    return SamplingParams(**{**fields, "stop": tuple(fields["stop"]), "avoid": tuple(fields["avoid"])})


def step(id_: int, step: Step) -> Message:
    said = [step.text, step.token_ids, step.logprobs, step.ends]
    return {"op": "done" if step.is_last else "step", "id": id_, "said": said, "stats": astuple(step.stats)}


def to_step(message: Message) -> Step:
    text, token_ids, logprobs, ends = message["said"]
    return Step(text, tuple(token_ids), tuple(logprobs), tuple(ends), Stats(*message["stats"]))


def scored(id_: int, score: Score) -> Message:
    return {"op": "scored", "id": id_, "logprobs": score.logprobs, "end": score.end}


def to_score(message: Message) -> Score:
    return Score(tuple(message["logprobs"]), message["end"])


def embed(id_: int, texts: tuple[str, ...]) -> Message:
    return {"op": "embed", "id": id_, "texts": texts}


def embedded(id_: int, vectors: Vectors) -> Message:
    return {"op": "embedded", "id": id_, "vectors": vectors}


def to_vectors(message: Message) -> Vectors:
    return tuple(map(tuple, message["vectors"]))


def loaded(id_: int, info: ModelInfo) -> Message:
    return {"op": "loaded", "id": id_, "info": asdict(info)}


def model_info(message: Message) -> ModelInfo:
    fields = message["info"]
    texts = {name: tuple(fields[name]) for name in ("markers", "ordinary", "plan")}
    return ModelInfo(**{**fields, **texts})


def devices(id_: int, found: Devices) -> Message:
    return {"op": "devices", "id": id_, "devices": asdict(found)}


def to_devices(message: Message) -> Devices:
    fields = message["devices"]
    found = ({**device, "kind": DeviceKind(device["kind"])} for device in fields["devices"])
    return Devices(tuple(Device(**device) for device in found), fields["problem"])


def failed(id_: int, error: Exception) -> Message:
    """An error as a message. One that codels did not raise on purpose is named by its type alone: text may leak."""
    numbers = [error.n_prompt, error.n_limit] if isinstance(error, PromptTooLong) else []
    text = str(error) if isinstance(error, CodelsError) else f"unexpected {type(error).__name__} in the engine"
    return {"op": "failed", "id": id_, "error": type(error).__name__, "text": text, "numbers": numbers}


_ERRORS = {e.__name__: e for e in (UserError, ModelError, BackendMissing, Cancelled, EngineDown, RemoteError)}


def to_error(message: Message) -> CodelsError:
    if message["error"] == PromptTooLong.__name__:
        return PromptTooLong(*message["numbers"])
    if message["error"] == MarkerMissing.__name__:
        return ModelError(message["text"])
    return _ERRORS.get(message["error"], CodelsError)(message["text"])
