"""Why a GPU of this machine is not used, in one sentence with the remedy: a function of the facts found. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"
"""Where llama-cpp-python's project publishes its prebuilt wheels: cpu, cu124, metal …"""

_CUDA_WHEELS = ((12, 1), (12, 2), (12, 3), (12, 4), (12, 5), (13, 0), (13, 2))
"""The CUDA versions with an index of their own (llama-cpp-python's README). Newer drivers run older versions."""

_NEWEST_OF_12 = (9, 0)
"""Compute capability up to which the wheels for CUDA 12 were built; newer GPUs need those for 13."""

_NO_DEVICE, _NO_PERMISSION, _TOO_OLD, _STUB, _MISMATCH = 100, 999, 35, 34, 803
"""`CUresult` of cuda.h: NO_DEVICE, UNKNOWN (the device nodes cannot be opened), INSUFFICIENT_DRIVER, STUB_LIBRARY,
SYSTEM_DRIVER_MISMATCH.
"""

Version = tuple[int, int]


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


def import_problem(message: str) -> str:
    """The remedy where the library cannot even be imported, from the loader's own words."""
    if "libcuda.so" in message or "nvcuda.dll" in message:
        return (
            "it is built for CUDA, and NVIDIA's driver is not there: install the driver, or the wheel for the CPU "
            f"with: {_install('cpu')}"
        )
    if any(name in message for name in ("libcudart", "libcublas", "cudart64", "cublas64")):
        return (
            "it is built for CUDA, and CUDA's runtime is not there: install the CUDA toolkit of that version, or the "
            f"wheel for the CPU with: {_install('cpu')}"
        )
    if any(name in message for name in ("libamdhip64", "libhipblas", "librocblas")):
        return (
            f"it is built for ROCm, which is not there: install ROCm, or the wheel for the CPU with: {_install('cpu')}"
        )
    return "install it with: pip install llama-cpp-python"


def _install(index: str) -> str:
    return (
        "pip install --force-reinstall --only-binary llama-cpp-python llama-cpp-python "
        f"--extra-index-url {WHEELS}/{index}"
    )


def _cuda_index(facts: Facts) -> str:
    """The newest index that driver and GPU can run; the oldest where neither is known. CUDA 12 goes before 13, which
    leaves out older GPUs.
    """
    is_new = facts.capability > _NEWEST_OF_12
    of_major = [version for version in _CUDA_WHEELS if version[0] == (13 if is_new else 12)]
    runnable = [version for version in of_major if version <= facts.cuda_driver]
    major, minor = runnable[-1] if runnable else of_major[0]
    return f"cu{major}{minor}"


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
        f"{_install(_cuda_index(facts))}"
    )


def _old_for_wheels(facts: Facts) -> str:
    return (
        f"this machine has an NVIDIA GPU, but its driver runs CUDA {_shown(facts.cuda_driver)} at most, and the "
        f"prebuilt wheels need {_shown(_CUDA_WHEELS[0])}: update the driver, then: {_install('cu124')}"
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
    # the wheel is for the CPU
    (
        lambda f: not f.libraries and f.has_nvidia and (0, 0) < f.cuda_driver < _CUDA_WHEELS[0],
        _old_for_wheels,
    ),
    (lambda f: not f.libraries and f.has_nvidia, _no_wheel),
    (
        lambda f: not f.libraries and f.is_apple_silicon,
        lambda _f: (
            "this machine has Apple's GPU, and the installed llama-cpp-python was built without Metal (is this a "
            f"Python for Intel?): {_install('metal')}"
        ),
    ),
    (
        lambda f: not f.libraries and f.has_amd,
        lambda _f: (
            "this machine has an AMD GPU, and the installed llama-cpp-python was built without GPU support: "
            f"{_install('vulkan')}"
        ),
    ),
)
