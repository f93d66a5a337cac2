"""Makes `.venv` and installs codels into it: `python3 .ci/install.py [EXTRA … FILE.txt …]`. Standard library only.

Shows how far a compilation is, keeps the whole output in `.venv/install.log`, does nothing where all is there,
and explains a failure in words.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOG = VENV / "install.log"
STAMP = VENV / "installed"

STEP = re.compile(r"\[(\d+)/(\d+)\]")
"""How ninja, which builds llama.cpp, counts its steps."""

NO_COMPILER = """
llama-cpp-python, which runs the model, could not be built: it comes as C++ source, and that needs a C and C++
compiler (Debian/Ubuntu: apt install build-essential; Fedora: dnf install gcc-c++; macOS: xcode-select --install;
Windows: Visual Studio Build Tools). Without a compiler, its project publishes prebuilt wheels for the CPU, CUDA and
Metal; install the one for your machine and run the command again, for the CPU for example:
    {python} -m pip install --only-binary llama-cpp-python llama-cpp-python \\
        --extra-index-url https://abetlen.github.io/llama-cpp-python/whl/cpu
"""


def main(wanted: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older interpreter is told by
        print(f"codels needs Python 3.11 or newer, this is {sys.version.split()[0]}: make PYTHON=python3.12 …")
        return 1
    if not PYTHON.exists() and not _make_venv():
        return 1
    installed = STAMP.read_text().split() if STAMP.exists() else []
    if {_stamp(wanted), _stamp(["dev", *wanted])}.intersection(installed) and _works():
        return 0
    print("Installing codels into .venv (the first time compiles llama.cpp, which takes some minutes)", flush=True)
    files = [name for name in wanted if name.endswith(".txt")]
    extras = [name for name in wanted if name not in files]
    target = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    code = _pip("install", "--editable", target, *(f"--requirement={ROOT / name}" for name in files))
    if code or not _works():
        log = LOG.read_text("utf-8", "replace")
        is_build = "llama" in log and re.search(r"CMAKE_C(XX)?_COMPILER|compiler|Failed building wheel", log)
        print(NO_COMPILER.format(python=PYTHON) if is_build else "\n".join(log.splitlines()[-15:]))
        print(f"The whole output is in {LOG.relative_to(ROOT)}.")
        return code or 1
    STAMP.write_text("\n".join([*installed, _stamp(wanted)]))
    return 0


def _make_venv() -> bool:
    try:
        venv.create(VENV, with_pip=True)
    except (subprocess.CalledProcessError, OSError) as error:
        shutil.rmtree(VENV, ignore_errors=True)  # half of one would be taken for whole the next time
        print(f"{sys.executable} cannot make a virtual environment ({error}); on Debian: apt install python3-venv")
        return False
    return True


def _stamp(wanted: list[str]) -> str:
    """Changes when the requirements do; a checkout that was moved is installed again."""
    names = sorted(set(wanted))
    files = [ROOT / "pyproject.toml", *(ROOT / name for name in names if name.endswith(".txt"))]
    data = b"".join(path.read_bytes() for path in files) + f"{ROOT} {names}".encode()
    return hashlib.sha256(data).hexdigest()


def _works() -> bool:
    return subprocess.run([PYTHON, "-c", "import codels, llama_cpp, pygls"], capture_output=True).returncode == 0


def _pip(*arguments: str) -> int:
    """Run pip verbosely into the log, and show what it is at."""
    environment = {"CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count() or 1), **os.environ}
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments, "--verbose"]
    with LOG.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
        )
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            log.write(line)
            shown = _show(line, shown)
    if sys.stdout.isatty():
        print("\r\x1b[K", end="")
    return process.wait()


def _show(line: str, shown: str) -> str:
    """One changing line on a terminal, a line for each tenth elsewhere. Returns what is shown now."""
    step = STEP.search(line)
    if step:
        percent = 10 * int(step[1]) // int(step[2]) * 10
        text = f"  compiling llama.cpp: {step[0]}" if sys.stdout.isatty() else f"  compiling llama.cpp: {percent} %"
    elif line.startswith(("Collecting ", "Building wheel", "Installing collected")):
        text = "  " + line.split(" (from")[0].strip()[:100]
    else:
        return shown
    if text != shown:
        print(f"\r\x1b[K{text}" if sys.stdout.isatty() else text, end="" if sys.stdout.isatty() else "\n", flush=True)
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
