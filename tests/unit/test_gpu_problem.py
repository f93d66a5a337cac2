"""Why a GPU is not used: facts in rows, each with the words and the remedy that belong to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codels.backends.gpuproblem import Facts, problem
from codels.backends.wheels import import_problem

CPU_WHEEL = Facts()
CUDA_WHEEL = Facts(frozenset({"CUDA"}), has_nvidia=True, cuda_code=0, cuda_driver=(12, 4), cuda_runtime=(12, 4))
NVIDIA = Facts(has_nvidia=True, cuda_code=0, cuda_driver=(12, 4), capability=(8, 6))

ROWS: list[tuple[Facts, str, str]] = [
    # the facts, words of the problem, words of the remedy; both empty: there is none
    (CPU_WHEEL, "", ""),
    (replace(CUDA_WHEEL, n_gpus=1), "", ""),
    (replace(NVIDIA, libraries=frozenset({"Vulkan"}), n_gpus=1), "", ""),
    (replace(NVIDIA, libraries=frozenset({"Vulkan"})), "built for Vulkan, and finds no GPU for it", "its driver"),
    (Facts(frozenset({"ROCm"}), has_amd=True), "built for ROCm, and finds no GPU", "the groups `video` and `render`"),
    (replace(CPU_WHEEL, cuda_code=100), "", ""),  # a driver, and no GPU
    # the wheel is for the CPU
    (NVIDIA, "has an NVIDIA GPU, and the installed llama-cpp-python was built without GPU support", "/whl/cu124"),
    (replace(NVIDIA, cuda_driver=(12, 2)), "without GPU support", "/whl/cu122"),
    (replace(NVIDIA, cuda_driver=(12, 8)), "without GPU support", "/whl/cu125"),
    (replace(NVIDIA, cuda_driver=(13, 1)), "without GPU support", "/whl/cu125"),
    (replace(NVIDIA, cuda_driver=(13, 1), capability=(12, 0)), "without GPU support", "/whl/cu130"),
    (replace(NVIDIA, cuda_driver=(13, 4), capability=(10, 0)), "without GPU support", "/whl/cu132"),
    (replace(NVIDIA, cuda_code=None, cuda_driver=(0, 0)), "without GPU support", "/whl/cu121"),
    (replace(NVIDIA, cuda_driver=(11, 4)), "runs CUDA 11.4 at most, and the prebuilt wheels need 12.1", "update the"),
    (replace(CPU_WHEEL, has_amd=True), "has an AMD GPU", "/whl/vulkan"),
    (replace(CPU_WHEEL, is_apple_silicon=True), "has Apple's GPU", "/whl/metal"),
    (replace(NVIDIA, has_amd=True), "has an NVIDIA GPU", "/whl/cu124"),
    # the wheel is for CUDA, and no device came of it
    (replace(CUDA_WHEEL, cuda_code=None, cuda_driver=(0, 0)), "(libcuda) is not there", "install the driver"),
    (replace(CUDA_WHEEL, cuda_code=100), "finds no GPU", "CUDA_VISIBLE_DEVICES"),
    (
        replace(CUDA_WHEEL, cuda_code=100, can_open_nodes=False),
        "may not open /dev/nvidia*",
        "add the user to",
    ),
    (replace(CUDA_WHEEL, cuda_code=999, can_open_nodes=False), "may not open /dev/nvidia*", "--gpus all"),
    (replace(CUDA_WHEEL, cuda_code=35), "up to CUDA 12.4, is too old", "update the driver"),
    (replace(CUDA_WHEEL, cuda_driver=(11, 8)), "up to CUDA 11.8, is too old for", "built for CUDA 12.4: update"),
    (replace(CUDA_WHEEL, cuda_driver=(12, 1)), "uses none of the GPUs", "CMAKE_ARGS"),  # minor versions get along
    (replace(CUDA_WHEEL, cuda_code=35, cuda_driver=(0, 0), cuda_runtime=(0, 0)), "a newer CUDA", "update the driver"),
    (replace(CUDA_WHEEL, cuda_code=34), "not the one of NVIDIA's driver (cuInit answered 34)", "library path"),
    (replace(CUDA_WHEEL, cuda_code=803), "cuInit answered 803", "restart after an update"),
    (replace(CUDA_WHEEL, cuda_code=999), "failed to start (cuInit answered 999)", "nvidia-smi"),
    (CUDA_WHEEL, "uses none of the GPUs that the driver sees", "CMAKE_ARGS"),
]


@pytest.mark.parametrize(("facts", "words", "remedy"), ROWS)
def test_a_problem_has_one_sentence_with_its_remedy(facts: Facts, words: str, remedy: str) -> None:
    said = problem(facts)
    assert bool(said) == bool(words)
    assert words in said
    assert remedy in said


IMPORTS = [
    ("libcuda.so.1: cannot open shared object file: No such file", "NVIDIA's driver is not there", "/whl/cpu"),
    ("libcudart.so.12: cannot open shared object file", "CUDA's runtime is not there", "/whl/cpu"),
    ("libcublas.so.12: cannot open shared object file", "CUDA's runtime is not there", "install the CUDA toolkit"),
    ("libamdhip64.so.6: cannot open shared object file", "built for ROCm", "/whl/cpu"),
    ("No module named 'llama_cpp'", "", "pip install llama-cpp-python"),
]


@pytest.mark.parametrize(("message", "words", "remedy"), IMPORTS)
def test_a_library_that_cannot_be_imported_has_its_remedy(message: str, words: str, remedy: str) -> None:
    said = import_problem(message)
    assert words in said
    assert remedy in said
