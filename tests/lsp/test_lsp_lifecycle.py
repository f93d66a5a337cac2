"""Both processes end with the editor, however it leaves, and with nothing else."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from lsp_session import INLINE, MINUTE, URI, Client, children, gone, run, write_script

Leave = Callable[[Client], Awaitable[None]]


async def _shutdown_and_exit(client: Client) -> None:
    await client.request("shutdown", None)
    client.notify("exit", None)


async def _exit(client: Client) -> None:
    client.notify("exit", None)


async def _close_stdin(client: Client) -> None:
    assert client.process.stdin
    client.process.stdin.close()


async def _close_stdin_within_a_message(client: Client) -> None:
    assert client.process.stdin
    client.process.stdin.write(b'Content-Length: 1000\r\n\r\n{"jsonrpc": "2.0", ')
    client.process.stdin.close()


async def _close_stdout(client: Client) -> None:
    """The editor stops reading but keeps the other pipe open."""
    client._reading.cancel()
    client.process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]


async def _interrupt(client: Client) -> None:
    client.process.send_signal(signal.SIGINT)


async def _kill(client: Client) -> None:
    client.process.kill()


WAYS: list[tuple[Leave, int | None]] = [
    # how the editor leaves, and the server's exit code where it has a say in it
    (_shutdown_and_exit, 0),
    (_exit, 1),
    (_close_stdin, 1),
    (_close_stdin_within_a_message, 1),
    (_close_stdout, 1),
    (_interrupt, None),
    (_kill, None),
]


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Whoever runs the tests in the background makes them, and what they start, deaf to interrupts."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize(("leave", "code"), WAYS)
def test_both_processes_end_with_the_editor_while_the_model_is_busy(
    tmp_path: Path, leave: Leave, code: int | None
) -> None:
    async def test() -> None:
        model = write_script(tmp_path / "busy.json", prefill_ms={"": MINUTE})
        client = Client(tmp_path)
        await client.start()
        await client.initialize({"model": model, "maxMs": MINUTE}, INLINE)
        await client.status("ready")
        client.open(URI, "y = ")
        _, busy = client.ask(0, 4)
        await client.settle()
        engine = client.engine_pid
        await leave(client)
        found = await client.process.wait()
        assert code is None or found == code
        await gone(engine)
        busy.cancel()
        assert "Traceback" not in client.stderr

    run(test())


def test_both_processes_end_while_a_model_loads(tmp_path: Path) -> None:
    async def test() -> None:
        model = write_script(tmp_path / "slow.json", load_ms=MINUTE)
        client = Client(tmp_path)
        await client.start()
        await client.initialize({"model": model}, INLINE)
        engine = client.engine_pid
        await _exit(client)
        assert await client.process.wait() == 1
        await gone(engine)

    run(test())


def test_the_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Its pipes stay open: somebody else holds them."""

    async def test() -> None:
        editor = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
        client = Client(tmp_path)
        await client.start()
        await client.initialize({"model": write_script(tmp_path / "model.json")}, INLINE, processId=editor.pid)
        await client.status("ready")
        engine = client.engine_pid
        with pytest.raises(TimeoutError):  # left alone they go on: these checks can fail
            await asyncio.wait_for(gone(engine), 1.0)
        assert client.process.returncode is None
        editor.kill()
        await editor.wait()
        assert await client.process.wait() == 1
        await gone(engine)

    run(test())


@pytest.mark.parametrize("is_dead", [True, False])
def test_the_process_that_the_client_names(tmp_path: Path, is_dead: bool) -> None:
    """One that is gone already ends the server; one that is no process id at all cannot."""

    async def test() -> None:
        dead = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
        await dead.wait()
        pid = dead.pid if is_dead else 2**31 - 1 + 2**31
        client = Client(tmp_path)
        await client.start()
        params = {"processId": pid, "rootUri": None, "capabilities": INLINE}
        with_model = {**params, "initializationOptions": {"model": write_script(tmp_path / "model.json")}}
        await asyncio.gather(client.request("initialize", with_model), return_exceptions=True)
        (engine,) = children(client.process.pid)
        if not is_dead:
            client.notify("exit", None)
        assert await client.process.wait() == 1
        await gone(engine)
        assert "Traceback" not in client.stderr

    run(test())
