"""The program that `sandbox` starts: it shuts itself in, starts the code, and leaves no process behind.

Run by path with a plan as JSON, never imported by codels; standard library only. Linux calls follow the manual pages
of `unshare`, `mount_setattr`, `pivot_root` and `prctl`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

NEW_NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000
"""User, mount, process id, network, inter-process communication, host name."""

MS_BIND, MS_REC, MS_PRIVATE, MS_RDONLY, MS_NOSUID, MS_NODEV = 0x1000, 0x4000, 0x40000, 1, 2, 4
MNT_DETACH = 2
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 442, -100, 0x8000, 1, 2
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38

NOBODY = 65534
NO_MEANS = 70
"""The exit code where the jail cannot be built."""

Plan = dict[str, Any]


def main(plan: Plan) -> NoReturn:
    """Run the plan's program; end with its exit code, 128 + n where signal n ended it."""
    if plan["mode"] == "inside":
        _become(plan)
    if plan["mode"] == "namespaces":
        _leave_namespaces()
        child = os.fork() or _build_and_watch(plan)  # the first in its namespace: all others end with it
        _end_when_asked(child)
        os._exit(_code(os.waitpid(child, 0)[1]))
    if sys.platform == "linux":
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    child = os.fork() or _become(plan)
    _end_when_asked(child)
    code = _code(os.waitpid(child, 0)[1])
    _end_orphans()
    os._exit(code)


def _leave_namespaces() -> None:
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", NEW_NAMESPACES)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _build_and_watch(plan: Plan) -> NoReturn:
    """As the first process of the namespace: bury orphans, end with the code, and so end all."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        _build_root(plan)
    except OSError as error:
        print(f"the jail cannot be built: {error}", file=sys.stderr, flush=True)
        os._exit(NO_MEANS)
    child = os.fork() or _become(plan)
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(_code(status))


def _build_root(plan: Plan) -> None:
    """A root folder of the plan's folders, read-only, and an empty one to write in."""
    root = plan["root"]
    _mount("none", "/", "", MS_REC | MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    for source, target in plan["binds"]:
        _bind(source, root + target)
    for target, link in plan["links"]:
        Path(root + target).symlink_to(link)
    for name in ("proc", "box"):
        Path(root, name).mkdir()
    _set_read_only(root)
    _mount("tmpfs", f"{root}/box", "tmpfs", MS_NOSUID | MS_NODEV, f"size={plan['file_bytes']},mode=700")
    with contextlib.suppress(OSError):  # containers forbid it, few programs need it
        _mount("proc", f"{root}/proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV)  # root may write to /proc/sys
    os.chdir(root)
    _call("pivot_root", b".", b".")
    _call("umount2", b".", MNT_DETACH)
    os.chdir("/")


def _bind(source: str, target: str) -> None:
    if os.path.isdir(source):  # noqa: PTH112 - a start counts milliseconds
        os.makedirs(target, exist_ok=True)  # noqa: PTH103
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        Path(target).touch()
    _mount(source, target, "", MS_BIND | MS_REC)


def _become(plan: Plan) -> NoReturn:
    """Become the code, within its limits."""
    if sys.platform == "linux":
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
    os.chdir(plan["box"])
    cpu_s = plan["cpu_s"]
    limits = {"CPU": (cpu_s, cpu_s + 1), "FSIZE": plan["file_bytes"], "CORE": 0, "AS": plan["memory_bytes"]}
    limits["NOFILE"] = plan["n_files"]
    if plan["n_processes"] is not None:
        limits["NPROC"] = plan["n_processes"]
    for name, value in limits.items():
        _limit(getattr(resource, f"RLIMIT_{name}", None), value)
    os.execve(plan["command"][0], plan["command"], {})


def _limit(kind: int | None, value: Any) -> None:
    if kind is None:
        return
    soft, hard = value if isinstance(value, tuple) else (value, value)
    most = resource.getrlimit(kind)[1]
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    with contextlib.suppress(OSError, ValueError):  # macOS takes no limit of the address space
        resource.setrlimit(kind, (soft, hard))


def _end_when_asked(child: int) -> None:
    def end(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)


def _end_orphans() -> None:
    """Kill what the code left behind; on Linux it has become ours, wherever it hid."""
    while True:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    _call("mount", source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())


def _set_read_only(root: str) -> None:
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    _call("syscall", ctypes.c_long(SYS_MOUNT_SETATTR), AT_FDCWD, root.encode(), AT_RECURSIVE, attributes, size)


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3)


def _call(name: str, *arguments: Any) -> None:
    """A function of the C library. Raises `OSError` where it fails."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except OSError as error:
        print(f"the jail cannot be built: {error}", file=sys.stderr, flush=True)
        os._exit(NO_MEANS)
