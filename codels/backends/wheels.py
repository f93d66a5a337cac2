"""llama-cpp-python's prebuilt wheels: which one a machine can use, and what helps where none can be imported. Pure."""

from __future__ import annotations

Version = tuple[int, int]

WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"
"""Where llama-cpp-python's project publishes its prebuilt wheels: cpu, cu124, metal …"""

CUDA_VERSIONS = ((12, 1), (12, 2), (12, 3), (12, 4), (12, 5), (13, 0), (13, 2))
"""The CUDA versions with an index of their own (llama-cpp-python's README). Newer drivers run older versions."""

_NEWEST_OF_12 = (9, 0)
"""Compute capability up to which the wheels for CUDA 12 were built; newer GPUs need those for 13."""


def import_problem(message: str) -> str:
    """The remedy where the library cannot even be imported, from the loader's own words."""
    if "libcuda.so" in message or "nvcuda.dll" in message:
        return (
            "it is built for CUDA, and NVIDIA's driver is not there: install the driver, or the wheel for the CPU "
            f"with: {install('cpu')}"
        )
    if any(name in message for name in ("libcudart", "libcublas", "cudart64", "cublas64")):
        return (
            "it is built for CUDA, and CUDA's runtime is not there: install the CUDA toolkit of that version, or the "
            f"wheel for the CPU with: {install('cpu')}"
        )
    if any(name in message for name in ("libamdhip64", "libhipblas", "librocblas")):
        return (
            f"it is built for ROCm, which is not there: install ROCm, or the wheel for the CPU with: {install('cpu')}"
        )
    return "install it with: pip install llama-cpp-python"


def install(index: str) -> str:
    """The command that fetches the wheel of an index."""
    return (
        "pip install --force-reinstall --only-binary llama-cpp-python llama-cpp-python "
        f"--extra-index-url {WHEELS}/{index}"
    )


def for_cuda(driver: Version, capability: Version) -> str:
    """The newest index that driver and GPU can run; the oldest where neither is known. CUDA 12 goes before 13, which
    leaves out older GPUs.
    """
    major = 13 if capability > _NEWEST_OF_12 else 12
    of_major = [version for version in CUDA_VERSIONS if version[0] == major]
    runnable = [version for version in of_major if version <= driver]
    return "cu{}{}".format(*(runnable[-1] if runnable else of_major[0]))
