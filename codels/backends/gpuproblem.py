"""Why a GPU of this machine is not used, in one sentence with the remedy: a function of the facts found. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codels.backends.wheels import CUDA_VERSIONS, Version, for_cuda, install

_NO_DEVICE, _TOO_OLD, _STUB, _MISMATCH = 100, 35, 34, 803
"""`CUresult` of cuda.h: NO_DEVICE, INSUFFICIENT_DRIVER, STUB_LIBRARY, SYSTEM_DRIVER_MISMATCH."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of this machine's GPUs and of the llama.cpp that is installed.

    `libraries` are what it was built for: "CUDA", "Metal", "Vulkan", "ROCm" …; `n_gpus` how many of its devices are
    GPUs. `cuda_code` is what cuInit answered, None where there is no libcuda. `cuda_driver` is the newest CUDA that the
    driver runs, `cuda_runtime` the one that the wheel was built for, `capability` the first GPU's; (0, 0): not known.
    """

    libraries: frozenset[str] = frozenset()
    n_gpus: int = 0
    has_nvidia: bool = False
    has_amd: bool = False
    is_apple_silicon: bool = False
    cuda_code: int | None = None
    cuda_driver: Version = (0, 0)
    cuda_runtime: Version = (0, 0)
    capability: Version = (0, 0)
    can_open_nodes: bool = True
    """Whether this user may open /dev/nvidia*."""


def problem(facts: Facts) -> str:
    """The first of `_PROBLEMS` that is there; empty where a GPU is used, or there is none."""
    if facts.n_gpus:
        return ""
    return next((says(facts) for is_there, says in _PROBLEMS if is_there(facts)), "")


def _shown(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def _has_cuda(facts: Facts) -> bool:
    return "CUDA" in facts.libraries


def _is_too_old(facts: Facts) -> bool:
    """Within one major version newer runtimes run on older drivers, but not across them."""
    is_older = any(facts.cuda_driver) and facts.cuda_driver[0] < facts.cuda_runtime[0]
    return _has_cuda(facts) and (facts.cuda_code == _TOO_OLD or is_older)


def _too_old(facts: Facts) -> str:
    runs = (
        f"which runs up to CUDA {_shown(facts.cuda_driver)}" if any(facts.cuda_driver) else "whose version is unknown"
    )
    built = f"CUDA {_shown(facts.cuda_runtime)}" if any(facts.cuda_runtime) else "a newer CUDA"
    return (
        f"NVIDIA's driver, {runs}, is too old for the installed llama-cpp-python, which was built for {built}: update "
        "the driver; until then the model runs on the CPU"
    )


def _no_wheel(facts: Facts) -> str:
    return (
        "this machine has an NVIDIA GPU, and the installed llama-cpp-python was built without GPU support: "
        f"{install(for_cuda(facts.cuda_driver, facts.capability))}"
    )


def _old_for_wheels(facts: Facts) -> str:
    return (
        f"this machine has an NVIDIA GPU, but its driver runs CUDA {_shown(facts.cuda_driver)} at most, and the "
        f"prebuilt wheels need {_shown(CUDA_VERSIONS[0])}: update the driver, then: {install('cu124')}"
    )


def _unknown_code(facts: Facts) -> str:
    return (
        f"the installed llama-cpp-python was built for CUDA, and NVIDIA's driver failed to start (cuInit answered "
        f"{facts.cuda_code}): restart the machine, then look whether `nvidia-smi` sees the GPU"
    )


_Row = tuple[Callable[[Facts], bool], Callable[[Facts], str]]

_PROBLEMS: tuple[_Row, ...] = (
    # the wheel is for CUDA, but no device came of it
    (
        lambda f: _has_cuda(f) and f.cuda_code is None,
        lambda _f: (
            "the installed llama-cpp-python was built for CUDA, and NVIDIA's driver (libcuda) is not there: install "
            "the driver; until then the model runs on the CPU"
        ),
    ),
    (_is_too_old, _too_old),
    (
        lambda f: _has_cuda(f) and not f.can_open_nodes,
        lambda _f: (
            "NVIDIA's driver is there, but this user may not open /dev/nvidia*: add the user to the group that owns "
            "them (often `video` or `render`), or give the container the GPU (docker run --gpus all)"
        ),
    ),
    (
        lambda f: _has_cuda(f) and f.cuda_code == _NO_DEVICE,
        lambda _f: (
            "the installed llama-cpp-python was built for CUDA, and NVIDIA's driver finds no GPU: is "
            "CUDA_VISIBLE_DEVICES empty, or the container without one (docker run --gpus all)? Until then the model "
            "runs on the CPU"
        ),
    ),
    (
        lambda f: _has_cuda(f) and f.cuda_code in (_STUB, _MISMATCH),
        lambda f: (
            f"the libcuda that is found is not the one of NVIDIA's driver (cuInit answered {f.cuda_code}): take the "
            "stub or the old one out of the library path, or restart after an update of the driver"
        ),
    ),
    (lambda f: _has_cuda(f) and bool(f.cuda_code), _unknown_code),
    (
        _has_cuda,
        lambda _f: (
            "the installed llama-cpp-python was built for CUDA, and uses none of the GPUs that the driver sees: it "
            "may have been built for other compute capabilities; install it again with: "
            'CMAKE_ARGS="-DGGML_CUDA=on" pip install --no-cache-dir --force-reinstall llama-cpp-python'
        ),
    ),
    (
        lambda f: bool(f.libraries),
        lambda f: (
            f"the installed llama-cpp-python was built for {', '.join(sorted(f.libraries))}, and finds no GPU for it: "
            "is its driver installed, and may this user use it (the groups `video` and `render`)? Until then the model "
            "runs on the CPU"
        ),
    ),
    # the wheel is for the CPU
    (
        lambda f: not f.libraries and f.has_nvidia and (0, 0) < f.cuda_driver < CUDA_VERSIONS[0],
        _old_for_wheels,
    ),
    (lambda f: not f.libraries and f.has_nvidia, _no_wheel),
    (
        lambda f: not f.libraries and f.is_apple_silicon,
        lambda _f: (
            "this machine has Apple's GPU, and the installed llama-cpp-python was built without Metal (is this a "
            f"Python for Intel?): {install('metal')}"
        ),
    ),
    (
        lambda f: not f.libraries and f.has_amd,
        lambda _f: (
            "this machine has an AMD GPU, and the installed llama-cpp-python was built without GPU support: "
            f"{install('vulkan')}"
        ),
    ),
)
