"""Pulls that are stopped, killed, or two at once: what came is kept, and fetched once."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hub import SIZE, Cards, Handler, Hub, fetch, part

from codels.cancel import CancelToken
from codels.errors import Stopped
from codels.registry.progress import Progress
from codels.registry.pull import Talk, pull


def test_a_stop_keeps_what_came(hub: Hub, card: Cards, models: Path) -> None:
    cancel = CancelToken()
    seen: list[Progress] = []

    def report(progress: Progress) -> None:
        seen.append(progress)
        cancel.cancel()

    with pytest.raises(Stopped, match="what has come is kept, and the next pull goes on from there"):
        pull(card(), Talk(print, report), cancel, is_offline=False)
    kept = part(models).stat().st_size
    assert 0 < kept == seen[0].done_bytes < seen[0].total_bytes == SIZE
    assert fetch(card()).read_bytes() == hub.data
    assert hub.ranges == ["", f"bytes={kept}-"]


@pytest.mark.parametrize("most", [-1, 0, 1_000_000])
def test_a_stop_does_not_wait_for_a_server_that_hangs(
    hub: Hub, card: Cards, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs before it says anything of the file (-1), before the first byte, or in the middle."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 600)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 600)
    cancel, is_over, hangs = CancelToken(), threading.Event(), threading.Event()
    ended: list[BaseException] = []

    def hang(handler: Handler) -> bool:
        if most > 0:
            handler.send_rest(0, most)
        hangs.set()
        return is_over.wait(60)

    def run() -> None:
        try:
            pull(card(), Talk(print, lambda _progress: None), cancel, is_offline=False)
        except Stopped as error:
            ended.append(error)

    (hub.heads if most < 0 else hub.faults).append(hang)
    thread = threading.Thread(target=run)
    thread.start()
    assert hangs.wait(60)
    cancel.cancel()
    thread.join(50)  # while the server still hangs
    is_alive, was_over = thread.is_alive(), is_over.is_set()
    is_over.set()
    assert (is_alive, was_over, len(ended)) == (False, False, 1)


def test_two_pulls_at_once_fetch_once(hub: Hub, card: Cards) -> None:
    is_waited_for, told = threading.Event(), []

    def wait(handler: Handler) -> bool:
        return not is_waited_for.wait(60) or handler.answer(503)

    def tell(sentence: str) -> None:
        told.append(sentence)
        is_waited_for.set()

    hub.heads = [wait]
    first = threading.Thread(target=fetch, args=[card()])
    first.start()
    while not hub.seen:
        is_waited_for.wait(0.001)
    path = pull(card(), Talk(tell, lambda _progress: None), CancelToken(), is_offline=False)
    first.join()
    assert told == ["m.gguf is being pulled already: waiting for that"]
    assert path.read_bytes() == hub.data
    assert hub.ranges == [""]


PULL = """
import sys
from pathlib import Path
from codels.cancel import CancelToken
from codels.registry import store
from codels.registry.card import ModelCard, ModelFile
from codels.registry.pull import Talk, pull
store.models_folder = lambda: Path(sys.argv[1])
file = ModelFile("sub/m.gguf", int(sys.argv[2]), sys.argv[3], "o/m")
pull(ModelCard("m", "llama.cpp", (file,)), Talk(print, print), CancelToken(), is_offline=False)
"""


@pytest.mark.parametrize("most", [1, 700_000, 2_900_000])
def test_a_kill_costs_nothing_that_came(hub: Hub, card: Cards, models: Path, tmp_path: Path, most: int) -> None:
    """The server holds the rest back, so that the kill hits the middle of the transfer."""
    is_over = threading.Event()

    def hold(handler: Handler) -> bool:
        handler.send_rest(0, most)
        return is_over.wait(60)

    hub.faults = [hold]
    environment = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "PATH": ""}
    arguments = [sys.executable, "-c", PULL, str(models), str(SIZE), hub.sha256]
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)
    while not [path for path in models.rglob("*.part") if path.stat().st_size == most] and process.poll() is None:
        is_over.wait(0.01)
    process.kill()
    process.wait()
    is_over.set()
    assert fetch(card()).read_bytes() == hub.data
    assert hub.ranges == ["", f"bytes={most}-"]
    assert hub.n_sent == SIZE
