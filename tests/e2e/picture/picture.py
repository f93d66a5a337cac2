"""picture.py OUT.png - what a user sees: ghost text of the built-in model, in a real Neovim, in tmux.

Needs tmux, and pyte and Pillow to draw the screen. Neovim is found as for the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from find_nvim import NoNvimError, find_nvim  # noqa: E402
from user import environment  # noqa: E402

COLUMNS, ROWS = 80, 18
FILE_ROWS = ROWS - 2  # below them are the status line and the mode
TYPED = 'if __name__ == "'
WAIT_S = 60.0
NUDGE_S = 2.0


class Terminal:
    """A tmux server of our own, with one window that runs one program."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str]) -> None:
        self._tmux = ["tmux", "-L", f"codels-{os.getpid()}", "-f", os.devnull]
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        self._run("new-session", "-d", *size, "-c", str(folder), *command, env=env)

    def press(self, key: str) -> None:
        self._run("send-keys", key)

    def type(self, text: str) -> None:
        self._run("send-keys", "-l", text)

    def text(self) -> str:
        return self._run("capture-pane", "-p")

    def screen(self) -> str:
        """The text with its colours."""
        return self._run("capture-pane", "-e", "-p")

    def close(self) -> None:
        self._run("kill-server")

    def _run(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run([*self._tmux, *arguments], env=env, capture_output=True, text=True, check=True)
        return done.stdout


@contextmanager
def editor(folder: Path) -> Iterator[Terminal]:
    """Neovim with the README's configuration on words.py."""
    shutil.copy(HERE / "words.txt", folder / "words.py")
    env = environment(folder, f'"{sys.executable}" -m codels "$@"')
    env |= {"COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    command = [str(find_nvim()), "--clean", "-u", env["CODELS_INIT"], "words.py"]
    terminal = Terminal(command, folder, env)
    try:
        yield terminal
    finally:
        terminal.close()


def wait(terminal: Terminal, what: str, is_there: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not is_there():
        if time.monotonic() > end:
            raise SystemExit(f"never saw {what}; the screen is:\n{terminal.text()}")
        time.sleep(0.2)


def wait_for_text(terminal: Terminal, text: str) -> None:
    wait(terminal, text, lambda: text in terminal.text())


def ghost(terminal: Terminal) -> str:
    """What stands behind the typed text and was not typed; Neovim marks the rows below a file by ~."""
    file = "\n".join(terminal.text().split("\n")[:FILE_ROWS])
    behind = file.partition(TYPED)[2]
    return behind.partition("\n~")[0].strip()


def nudge(terminal: Terminal) -> str:
    """Types on, as a person does: what was typed before the server had started got no answer."""
    terminal.type(" ")
    terminal.press("BSpace")
    time.sleep(NUDGE_S)
    return ghost(terminal)


def take(out: Path) -> None:
    from draw import draw  # needs pyte and Pillow, which nothing else does

    with tempfile.TemporaryDirectory() as name, editor(Path(name)) as terminal:
        wait_for_text(terminal, "most_common")
        terminal.press("G")
        terminal.press("o")
        wait_for_text(terminal, "-- INSERT --")
        terminal.type(TYPED)
        wait_for_text(terminal, TYPED)
        wait(terminal, "ghost text", lambda: ghost(terminal) or nudge(terminal))
        print(f"ghost text: {ghost(terminal)!r}")
        draw(terminal.screen(), COLUMNS, ROWS, out)
    print(f"wrote {out}, {out.stat().st_size} bytes")


if __name__ == "__main__":
    try:
        take(Path(sys.argv[1]))
    except (NoNvimError, ImportError, FileNotFoundError) as error:
        sys.exit(f"picture.py: {error}")
