"""A runtime for one command: started, loaded, used once, stopped."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from codels.cancel import CancelToken
from codels.core import Answer, Role, Site, Snapshot
from codels.dispatch.selection import find
from codels.engine.process import spawn
from codels.errors import UserError
from codels.lines import split_lines
from codels.runtime import Runtime
from codels.settings import AUTO, Settings

T = TypeVar("T")

MAX_DIGITS = 9
"""Of a line or column; Python refuses to read very long numbers."""

LANGUAGES = {
    ".py": "python", ".pyi": "python", ".pyw": "python", ".js": "javascript", ".jsx": "javascriptreact",
    ".ts": "typescript", ".tsx": "typescriptreact", ".go": "go", ".rs": "rust", ".java": "java", ".c": "c",
    ".h": "c", ".cpp": "cpp", ".cc": "cpp", ".hpp": "cpp", ".cs": "csharp", ".rb": "ruby", ".php": "php",
    ".sh": "shellscript", ".lua": "lua", ".md": "markdown", ".html": "html", ".css": "css", ".sql": "sql",
}  # fmt: skip
"""Language ids as editors send them."""


def with_runtime(settings: Settings, use: Callable[[Runtime], Awaitable[T]]) -> T:
    """Run `use` on a loaded runtime. Raises `CodelsError` where the model cannot be loaded."""

    async def run() -> T:
        name = settings.wanted(Role.COMPLETION)
        # What is wrong with the name is said before anything is started.
        backend = "llama.cpp" if name == AUTO else find(name).backend
        notices: list[str] = []
        runtime = Runtime(lambda _status: None, notices.append)
        await runtime.start(await spawn(warm=backend))
        try:
            runtime.configure(settings)
            await runtime.ready()  # what is told from here on is in the answer or the error as well
            for notice in notices:
                print(f"codels: {notice}", file=sys.stderr)
            return await use(runtime)
        finally:
            await runtime.stop()

    return asyncio.run(run())


def site_of(place: str) -> Site:
    """The caret that FILE:LINE:COL names. Raises `UserError` that says which of the three does not exist."""
    file, line, column = _split(place)
    path = Path(file)
    try:
        text = path.read_bytes().decode("utf-8-sig", "replace")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error  # a name with a zero byte
        raise UserError(f"cannot read {file!r}: {reason}") from error
    lines = split_lines(text)
    if not 1 <= line <= len(lines):
        raise UserError(f"{file} has {len(lines)} lines, so there is no line {line}")
    width = len(lines[line - 1].rstrip("\r\n"))
    if not 1 <= column <= width + 1:
        raise UserError(f"line {line} of {file} has {width} characters: columns go from 1 to {width + 1}, not {column}")
    language = LANGUAGES.get(path.suffix.lower(), path.suffix[1:].lower())
    return Site(Snapshot(path.absolute().as_uri(), language, 0, tuple(lines)), line - 1, column - 1)


async def ask(runtime: Runtime, site: Site) -> Answer:
    return await runtime.complete(site, is_explicit=True, cancel=CancelToken())


def _split(place: str) -> tuple[str, int, int]:
    parts = place.rsplit(":", 2)
    if len(parts) != 3 or not all(part.isdecimal() and len(part) <= MAX_DIGITS for part in parts[1:]):
        raise UserError(f"the place must be FILE:LINE:COL, such as app.py:12:5, not {place!r}")
    return parts[0], int(parts[1]), int(parts[2])
