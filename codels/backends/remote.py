"""A model that another program serves: vLLM, llama-server, Ollama, LM Studio, TGI; on this machine or another one.

Prompts are rendered by us, by the family of the model's card. A server that cannot be reached is no reason not to load:
each question tries again. Healing is left out, since servers cannot be held to a start (`ModelInfo.can_heal`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from codels.backends import LoadSpec, OnProgress
from codels.backends.remotemodel import RemoteModel
from codels.cancel import CancelToken
from codels.endpoint import Endpoint
from codels.errors import ModelError, UserError

LOOK_S = 0.1
"""Between looks at whether loading shall stop."""


def load(spec: LoadSpec, on_progress: OnProgress) -> RemoteModel:
    """Raises `ModelError` without the key that its card names, `RemoteError` where the server refuses the model, and
    `Cancelled`.
    """
    if spec.remote is None:
        raise UserError("the back end remote needs a card with a [remote] table")
    on_progress(0.0, "")
    model = RemoteModel(spec, spec.remote, _key(spec.remote))
    try:
        with _watched(on_progress) as cancel:
            model.introduce(cancel)
    except BaseException:
        model.close()
        raise
    on_progress(1.0, "")
    return model


@contextmanager
def _watched(on_progress: OnProgress) -> Iterator[CancelToken]:
    """Cancelled when loading shall stop."""
    cancel, is_over = CancelToken(), threading.Event()

    def watch() -> None:
        while not is_over.wait(LOOK_S):
            if not on_progress(0.0, ""):
                cancel.cancel()

    thread = threading.Thread(target=watch, name="remote load", daemon=True)
    thread.start()
    try:
        yield cancel
    finally:
        is_over.set()
        thread.join()


def _key(endpoint: Endpoint) -> str:
    if not endpoint.key_env:
        return ""
    key = os.environ.get(endpoint.key_env, "").strip()
    if not key:
        raise ModelError(
            f"the environment variable {endpoint.key_env}, which shall hold the key for {endpoint.host}, is not set: "
            "set it where your editor is started"
        )
    if not (key.isascii() and key.isprintable()):
        raise ModelError(f"what the environment variable {endpoint.key_env} holds can be no key: it has odd characters")
    return key
