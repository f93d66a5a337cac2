"""Which model serves a role, by rows: machines, installed models, and who comes out with which words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codels import backends
from codels.core import Role, Skill
from codels.dispatch import ways
from codels.dispatch.latency import TASKS, answer_s
from codels.dispatch.skills import SKILLS, is_possible, misfit
from codels.dispatch.ways import Budget, Choice
from codels.machine import Device, DeviceKind, Devices, Machine
from codels.registry.card import ModelCard, ModelFile
from codels.registry.installed import Candidate
from codels.registry.speeds import Speed

GB = 1_000_000_000
FILES = (ModelFile("m.gguf"),)


def model(id_: str, gb: float, *skills: Skill, backend: str = "llama.cpp", **fields: object) -> Candidate:
    """A model of Q8_0's size: a byte a parameter."""
    card = ModelCard(id_, backend, FILES, skills=frozenset(skills or (Skill.FIM,)), parameters=int(gb * GB))
    return Candidate(replace(card, **fields), int(gb * GB), int(gb * 1.1 * GB))  # type: ignore[arg-type]


TINY = model("tiny", 0.01, languages=frozenset({"python"}))
HALF, ONE, THREE, SEVEN = model("half", 0.5), model("one", 1.5), model("three", 3), model("seven", 7)
THIRTEEN = model("thirteen", 13)
INSTRUCT = model("chat", 3, Skill.INSTRUCT)
BOTH = model("both", 1.5, Skill.FIM, Skill.INSTRUCT)
PREFIX = model("prefix", 3, Skill.PREFIX)
VECTORS = model("vectors", 0.1, Skill.EMBED)
WHOLE = model("whole", 0.5, backend="transformers", files=(ModelFile("model.safetensors"),))
ALL = (TINY, HALF, ONE, THREE, SEVEN, THIRTEEN, INSTRUCT, PREFIX, VECTORS)

CPU = Machine(threads=7, total_bytes=32 * GB, free_bytes=24 * GB)
OLD = replace(CPU, threads=1, total_bytes=8 * GB, free_bytes=6 * GB)
UNPLUGGED = replace(CPU, is_on_battery=True)


def with_gpu(gb: float, machine: Machine = CPU, **fields: object) -> Machine:
    device = Device("CUDA0", DeviceKind.GPU, "RTX", "CUDA", int(gb * GB), int(gb * 1.1 * GB))
    return replace(machine, devices=Devices((replace(device, **fields),)))  # type: ignore[arg-type]


def choose(role: Role, here: tuple[Candidate, ...], machine: Machine, **budget: object) -> Choice:
    return ways.choose(role, here, machine, Budget(**{"limit_bytes": machine.total_bytes // 2, **budget}))  # type: ignore[arg-type]


CHOSEN = [
    # role, what is here, the machine, who serves, in which way, words of the reason
    (Role.COMPLETION, (TINY,), CPU, "tiny", "cpu", "a line takes about 0.00"),
    (Role.COMPLETION, ALL, CPU, "one", "cpu", "fast enough: a line takes about 0.91 s on the CPU (estimated)"),
    (Role.COMPLETION, ALL, OLD, "tiny", "cpu", "fast enough"),
    (Role.COMPLETION, ALL, UNPLUGGED, "tiny", "cpu", ", on battery"),
    (Role.COMPLETION, (TINY, model("fifth", 0.2), ONE), UNPLUGGED, "fifth", "cpu", ", on battery"),
    (
        Role.COMPLETION,
        ALL,
        with_gpu(24),
        "thirteen",
        "gpu",
        "that fits RTX (CUDA): needs 14.9 GB of 24.0 GB",
    ),
    (Role.COMPLETION, ALL, with_gpu(8), "three", "gpu", "needs 3.9 GB of 8.0 GB"),
    (Role.COMPLETION, ALL, with_gpu(8, UNPLUGGED), "three", "gpu", "RTX"),
    (Role.COMPLETION, ALL, with_gpu(0.5), "one", "cpu", "a line takes"),
    (Role.COMPLETION, ALL, with_gpu(24, capability="3.7"), "one", "cpu", "a line takes"),
    (Role.COMPLETION, ALL, with_gpu(24, capability="9.0"), "thirteen", "gpu", "RTX"),
    (Role.COMPLETION, ALL, with_gpu(0, total_bytes=0), "thirteen", "gpu", "needs 14.9 GB"),
    (Role.COMPLETION, ALL, with_gpu(24, kind=DeviceKind.IGPU), "three", "gpu", "the biggest that fits RTX"),
    (Role.COMPLETION, ALL, with_gpu(24, library="Metal"), "three", "gpu", "(Metal): needs 3.9 GB of 24.0 GB"),
    (Role.COMPLETION, ALL, with_gpu(24, UNPLUGGED, library="MTL"), "half", "gpu", "RTX"),
    (Role.COMPLETION, (HALF, model("scripted", 1, backend="fake")), with_gpu(8), "half", "gpu", "RTX"),
    (Role.COMPLETION, (PREFIX, TINY), with_gpu(24), "tiny", "gpu", "RTX"),
    (Role.COMPLETION, (PREFIX,), with_gpu(24), "prefix", "gpu", "RTX"),
    (Role.COMPLETION, (TINY, WHOLE), CPU, "tiny", "cpu", "fast enough"),
    (Role.COMPLETION, (ONE, model("python", 1.5, languages=frozenset({"python"}))), CPU, "one", "cpu", ""),
    (Role.DOCSTRING, ALL, CPU, "one", "cpu", "a docstring takes"),  # the one that follows instructions is too slow
    (Role.DOCSTRING, ALL, with_gpu(24), "chat", "gpu", "RTX"),
    (Role.INSTRUCT, ALL, CPU, "", "", "name one in codels.models.instruct to use it all the same"),
    (Role.INSTRUCT, (*ALL, BOTH), CPU, "both", "cpu", "an answer takes"),
    (Role.INSTRUCT, (TINY,), CPU, "", "", "no model on this machine has the skill instruct"),
    (Role.EMBED, ALL, CPU, "vectors", "cpu", "a vector takes"),
    (Role.EMBED, (), CPU, "", "", "has the skill embed: `codels models list` shows which there are"),
]


@pytest.mark.parametrize(("role", "here", "machine", "id_", "way", "words"), CHOSEN, ids=range(len(CHOSEN)))
def test_who_serves(role: Role, here: tuple[Candidate, ...], machine: Machine, id_: str, way: str, words: str) -> None:
    choice = choose(role, here, machine)
    assert (choice.card.id if choice.card else "", choice.way) == (id_, way), choice
    assert words in choice.reason
    able = {c.card.id for c in here if c.card.skills & set(SKILLS[role])}
    assert set(choice.rejected) == able - {id_}
    assert all(choice.rejected.values())


REJECTED = [
    # what is here, the machine, who is rejected, words of why
    (ALL, CPU, "seven", "a line takes about 4.2 s on the CPU (estimated), over the limit of 1 s"),
    (ALL, UNPLUGGED, "half", "over the limit of 0.25 s on battery"),
    (ALL, CPU, "half", "smaller than one"),
    (ALL, with_gpu(8), "seven", "needs 8.3 GB, RTX (CUDA) has 8.0 GB free"),
    (ALL, with_gpu(0.5), "seven", "needs 8.3 GB, RTX (CUDA) has 500.0 MB free; a line takes about 4.2 s"),
    (ALL, with_gpu(24, capability="3.7"), "seven", "RTX (CUDA) has compute capability 3.7, 5.0 is the least; a line"),
    (
        (TINY, THIRTEEN),
        replace(CPU, total_bytes=8 * GB),
        "thirteen",
        "needs 14.3 GB, 4.0 GB are for models (cod",
    ),
    ((TINY, THIRTEEN), replace(CPU, free_bytes=GB), "thirteen", "needs 14.3 GB, 1.0 GB of memory are free"),
    (
        ALL,
        with_gpu(24, library="Metal"),
        "seven",
        "about 2.3 s on RTX (Metal), whose memory is the machine's, over the",
    ),
]


@pytest.mark.parametrize(("here", "machine", "id_", "words"), REJECTED, ids=range(len(REJECTED)))
def test_why_another_does_not(here: tuple[Candidate, ...], machine: Machine, id_: str, words: str) -> None:
    assert words in choose(Role.COMPLETION, here, machine).rejected[id_]


IN_FULL = [
    # what is not installed, the card's fields, who is rejected, words of why
    ("torch is not installed: `pip", {}, "whole", "torch is not installed: `pip"),
    ("", {}, "whole", "tiny comes first"),
    ("", {"skills": frozenset({Skill.FIM, Skill.SEQ2SEQ})}, "whole", "it is an encoder–decoder model"),
    ("", {"files": (ModelFile("pytorch_model.bin"),)}, "whole", "pytorch_model.bin are pickled"),
]


@pytest.mark.parametrize(("lacking", "fields", "id_", "words"), IN_FULL, ids=range(len(IN_FULL)))
def test_a_folder_is_served_by_transformers_where_that_can(
    monkeypatch: pytest.MonkeyPatch, lacking: str, fields: dict[str, object], id_: str, words: str
) -> None:
    monkeypatch.setattr(backends, "lacking", lambda _backend: lacking)
    whole = replace(WHOLE, card=replace(WHOLE.card, **fields))  # type: ignore[arg-type]
    choice = choose(Role.COMPLETION, (TINY, whole), CPU)
    assert words in choice.rejected[id_]
    alone = choose(Role.COMPLETION, (whole,), CPU)
    assert (alone.way == "transformers") is (not lacking and not fields)


def test_a_loaded_model_is_shared_where_it_can_do_it_as_well() -> None:
    other = model("other", 1.6, Skill.INSTRUCT)
    assert choose(Role.INSTRUCT, (BOTH, other), CPU).card == other.card
    assert choose(Role.INSTRUCT, (BOTH, other), CPU, shared="both").card == BOTH.card
    assert choose(Role.INSTRUCT, (BOTH, other), CPU, shared="both", limit_bytes=0).card == BOTH.card
    assert choose(Role.DOCSTRING, (TINY, other), CPU, shared="tiny").card == other.card


def test_what_the_completion_takes_of_the_gpu_is_not_there_for_others() -> None:
    gpu, chat = with_gpu(8, OLD), (THREE, INSTRUCT)
    assert choose(Role.INSTRUCT, chat, gpu, shared="three", gpu_bytes=4 * GB).way == "gpu"
    full = choose(Role.INSTRUCT, chat, gpu, shared="three", gpu_bytes=5 * GB)
    assert "needs 3.9 GB, RTX (CUDA) has 3.0 GB free" in full.rejected["chat"]


def test_of_two_gpus_the_one_with_memory_of_its_own_counts() -> None:
    shared = Device("Vulkan1", DeviceKind.IGPU, "Iris", "Vulkan", 24 * GB, 32 * GB)
    both = replace(CPU, devices=Devices((shared, *with_gpu(8).devices.devices)))
    assert "fits RTX" in choose(Role.COMPLETION, ALL, both).reason


def test_a_measured_speed_counts_more_than_an_estimate() -> None:
    fast, slow = replace(SEVEN, speed=Speed(7, 1000, 100)), replace(HALF, speed=Speed(7, 10, 10))
    choice = choose(Role.COMPLETION, (fast, slow), CPU)
    assert (choice.card, choice.reason[-24:]) == (SEVEN.card, "0.2 s on the CPU (measured)"[-24:])
    assert choose(Role.COMPLETION, (slow,), CPU).card is None
    assert choose(Role.COMPLETION, (slow,), replace(CPU, threads=8)).card == HALF.card  # measured with others


def test_the_estimate_is_what_was_measured() -> None:
    """Qwen2.5-Coder 0.5B's shape on one thread of an AVX2 core: 81 tokens a second read, 50.3 ms for one written."""
    half = replace(HALF, card=replace(HALF.card, parameters=494_000_000), weights_bytes=529_000_000)
    seconds, source = answer_s(half, TASKS[Role.COMPLETION], 1)
    assert source == "estimated"
    assert seconds == pytest.approx(30 / 80.8 + 20 * 0.0503, rel=0.1)


ALONE = [
    # role, what is here, whether the machine need not be asked, and the model
    (Role.COMPLETION, (TINY,), True, "tiny"),
    (Role.COMPLETION, (TINY, VECTORS), True, "tiny"),
    (Role.COMPLETION, (TINY, HALF), False, ""),
    (Role.COMPLETION, (SEVEN,), False, ""),
    (Role.COMPLETION, (), True, ""),
    (Role.EMBED, (TINY,), True, ""),
]


@pytest.mark.parametrize(("role", "here", "is_known", "id_"), ALONE)
def test_without_a_look_at_the_machine(role: Role, here: tuple[Candidate, ...], is_known: bool, id_: str) -> None:
    choice = ways.alone(role, here)
    assert (choice is not None) == is_known
    assert (choice.card.id if choice and choice.card else "") == id_


MISFITS = [
    # role, skills, whether it can do anything there, words of the sentence
    (Role.COMPLETION, {Skill.FIM}, True, ""),
    (Role.COMPLETION, {Skill.PREFIX}, True, ""),
    (
        Role.COMPLETION,
        {Skill.INSTRUCT},
        True,
        "m was made for instruct, not for completion: it does not see",
    ),
    (Role.COMPLETION, {Skill.EMBED}, False, "m was made for embed, not for completion"),
    (
        Role.INSTRUCT,
        {Skill.FIM, Skill.PREFIX},
        True,
        "fim, prefix, not for instruct: it continues texts",
    ),
    (Role.EMBED, {Skill.FIM}, False, "it gives no vectors"),
    (Role.EMBED, {Skill.EMBED, Skill.FIM}, True, ""),
    (Role.DOCSTRING, {Skill.PREFIX}, True, "not for docstring"),
]


@pytest.mark.parametrize(("role", "skills", "is_able", "words"), MISFITS, ids=range(len(MISFITS)))
def test_a_model_named_for_what_it_was_not_made_for(role: Role, skills: set[Skill], is_able: bool, words: str) -> None:
    card = ModelCard("m", "llama.cpp", FILES, skills=frozenset(skills))
    assert (is_possible(role, card)) == is_able
    sentence = misfit(role, card)
    assert words in sentence
    assert bool(sentence) == bool(words)
