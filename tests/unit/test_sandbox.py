"""Hostile programs: each ends within its limits, for the right reason, and harms nothing."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from codels.checks import jails, sandbox
from codels.checks.jails import Jail, Limits
from codels.checks.sandbox import Outcome, Why

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the rows use what POSIX has")

SOON = Limits(wall_s=0.5)
CALM = Limits(wall_s=60.0, cpu_s=60)
SMALL = replace(CALM, memory_bytes=256 << 20, file_bytes=1 << 20, output_bytes=1 << 16, n_processes=6)

FORKS = "import os, time\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(1)\n"
HOARDERS = "import os, time\nfor _ in range(3):\n    os.fork()\nx = bytearray(b'x') * (100 << 20)\ntime.sleep(60)\n"
STUBBORN = """
import signal
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU):
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        while True: pass
    except BaseException: pass
"""

HIDDEN = """
import os, time
files = [os.memfd_create(str(n)) for n in range(40)]
for file in files:
    os.write(file, bytes(15 << 20))
time.sleep(1000)
"""

HOSTILE = [
    # what it does, the program, its limits, what ends it, its exit code (None where that does not matter)
    ("nothing", "", CALM, Why.EXIT, 0),
    ("loops", "while True: pass", SOON, Why.TIME, None),
    ("loops for all its CPU time", "while True: pass", replace(CALM, cpu_s=1), Why.TIME, None),
    ("sleeps", "import time; time.sleep(1000)", SOON, Why.TIME, None),
    ("ignores interrupts and signals", STUBBORN, SOON, Why.TIME, None),
    ("bombs with forks", FORKS, SMALL, Why.PROCESSES, None),
    ("allocates 8 GB", "x = bytearray(8 << 30)", CALM, Why.MEMORY, 1),
    ("allocates without end", "x = []\nwhile True: x.append(bytearray(1 << 20))", SMALL, Why.MEMORY, 1),
    ("allocates in many processes", HOARDERS, replace(SMALL, n_processes=16), Why.MEMORY, None),
    ("hides what it allocates", HIDDEN, replace(SMALL, file_bytes=32 * jails.MIB), Why.MEMORY, None),
    ("opens too many files", "x = [open('/dev/null') for _ in range(99)]", CALM, Why.EXIT, 1),
    ("prints without end", "while True: print('x' * 1000)", SMALL, Why.OUTPUT, None),
    ("writes a huge file", "with open('f', 'wb') as f:\n  while True: f.write(b'x' * 65536)", SMALL, Why.FILE, 1),
    ("reads on", "import sys\nwhile True: sys.stdin.read(); sys.stdin.readline()", SOON, Why.TIME, None),
    ("wants input", "input()", CALM, Why.EXIT, 1),
    ("exits", "import sys; sys.exit(3)", CALM, Why.EXIT, 3),
    ("kills itself", "import os; os.kill(os.getpid(), 9)", CALM, Why.SIGNAL, 137),
    ("crashes", "import os; os.abort()", CALM, Why.SIGNAL, 134),
    ("kills its parent", "import os, signal; os.kill(os.getppid(), signal.SIGTERM)", CALM, None, None),
]


def works(jail: Jail) -> bool:
    try:
        return sandbox._run(jail, "print('inside')", "", CALM).stdout == "inside\n"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module", params=[jails.BUBBLEWRAP, jails.NAMESPACES, jails.LIMITS], ids=lambda jail: jail.name)
def jail(request: pytest.FixtureRequest) -> Jail:
    chosen: Jail = request.param
    if not works(chosen):
        pytest.skip(f"{chosen.name} does not work on this machine")
    return chosen


@pytest.fixture
def walls(jail: Jail) -> Jail:
    """A jail that is more than limits."""
    if jail is jails.LIMITS:
        pytest.skip("limits are no walls")
    return jail


def run(jail: Jail, code: str, limits: Limits = CALM, stdin: str = "") -> Outcome:
    return sandbox._run(jail, code, stdin, limits)


@pytest.mark.parametrize(
    ("code", "limits", "why", "exit_code"), [row[1:] for row in HOSTILE], ids=[r[0] for r in HOSTILE]
)
def test_it_ends_for_its_reason(jail: Jail, code: str, limits: Limits, why: Why | None, exit_code: int | None) -> None:
    outcome = run(jail, code, limits)
    assert why in (None, outcome.why_stopped), outcome
    assert exit_code in (None, outcome.exit_code), outcome
    assert len(outcome.stdout) <= limits.output_bytes
    assert len(outcome.stderr) <= sandbox.TAIL_CHARS
    assert "jail cannot" not in outcome.stderr


def test_what_it_says_comes_back(jail: Jail) -> None:
    code = "import sys; print(input() + '✓'); print('bad', file=sys.stderr); sys.exit(5)"
    assert run(jail, code, stdin="é\n") == Outcome(5, Why.EXIT, "é✓\n", "bad\n")


def test_it_stands_in_an_empty_folder_that_it_may_write_to(jail: Jail) -> None:
    code = "import os, tempfile\nprint(os.listdir())\nopen('f', 'w').write('x')\ntempfile.mkdtemp(dir='.')\n"
    code += "print(set(os.environ) - {'LC_CTYPE', '__CF_USER_TEXT_ENCODING'})"  # which the systems add themselves
    assert run(jail, code) == Outcome(0, Why.EXIT, "[]\nset()\n", "")


DAEMON = """
import os, sys
if not os.fork():
    os.setsid()
    if not os.fork():
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", "{mark}"])
    os._exit(0)
os.wait()
{then}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("then", ["", "while True: pass", "import os; os.abort()"])
def test_a_daemon_does_not_survive(jail: Jail, tmp_path: Path, then: str) -> None:
    mark = f"{tmp_path.name}-{jail.name}"
    run(jail, DAEMON.format(mark=mark, then=then), replace(SOON, wall_s=1.0))
    deadline = time.monotonic() + 30
    while alive(mark) and time.monotonic() < deadline:  # bubblewrap's kernel ends it a moment later
        time.sleep(0.01)
    assert not alive(mark)


def alive(mark: str) -> bool:
    return any(mark.encode() in line for line in _command_lines())


def _command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue


HARM = [
    "import os; os.remove({file!r})",
    "open({file!r}, 'w').close()",
    "import shutil; shutil.rmtree({folder!r})",
    "import os; os.rename({folder!r}, {folder!r} + 'x')",
    "print(open({file!r}).read()); raise SystemExit('read it')",
    "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5)",
    "import socket; socket.socket(socket.AF_UNIX).connect({unix!r})",
    "open('/proc/sys/kernel/hostname', 'w').write('x')",
    "open('/usr/codels-was-here', 'w')",
    "import os; os.mknod('d', 0o60600, os.makedev(8, 0)); open('d', 'rb').read(1)",
    "import ctypes, os; assert ctypes.CDLL(None).mount(b'none', b'/', b'', 32, b'') == 0",
]


@pytest.mark.parametrize("code", HARM)
def test_it_harms_nothing_outside(walls: Jail, tmp_path: Path, code: str) -> None:
    file, unix = tmp_path / "precious", tmp_path / "socket"
    file.write_text("of mine")
    with socket.create_server(("127.0.0.1", 0)) as server, closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(unix))
        listener.listen()
        names = {"file": str(file), "folder": str(tmp_path), "port": server.getsockname()[1], "unix": str(unix)}
        outcome = run(walls, code.format(**names))
    assert outcome.why_stopped is Why.EXIT
    assert outcome.exit_code == 1
    assert "of mine" not in outcome.stdout
    assert (file.read_text(), unix.exists()) == ("of mine", True)


SEALED = [
    # the program, whether it came to its end, what it printed
    ("print('a')", True, "a\n"),
    ("", True, ""),
    ("import sys; print('a'); sys.exit(0)", False, "a\n"),
    ("import os; os._exit(0)", False, ""),
    ("raise ValueError", False, ""),
    ("def f():", False, ""),
]


@pytest.mark.parametrize(("code", "is_ok", "stdout"), SEALED)
def test_code_that_exits_early_did_not_come_to_its_end(code: str, is_ok: bool, stdout: str) -> None:
    outcome = sandbox.run_to_end(code, limits=CALM)
    assert (outcome.is_ok, outcome.stdout) == (is_ok, stdout)


def test_the_protection_in_force_is_the_strongest_that_works() -> None:
    working = [candidate for candidate in jails.candidates() if works(candidate)]
    assert sandbox.jail() is (working or [jails.LIMITS])[0]
    assert sandbox.protection().startswith("generated code runs ")


@pytest.mark.parametrize("bad", [{"wall_s": 0}, {"cpu_s": 0}, {"memory_bytes": 0}, {"n_processes": 0}])
def test_limits_are_checked(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="limits must be positive"):
        Limits(**bad)
