"""A model that reads for a minute behind `slow = `, and behind `late = ` for long enough to send something else."""

from __future__ import annotations

from typing import Any

from lsp_session import MINUTE, Client

PACES: dict[str, Any] = {
    "answers": {"": "quick()\n", "slow = ": "slow()\n", "late = ": "late()\n"},
    "prefill_ms": {"slow = ": MINUTE, "late = ": 1000},
}

TEXT = "slow = \nlate = \nnow = \n"
SLOW, LATE, NOW = (0, 7), (1, 7), (2, 6)


def typed(client: Client, uri: str, version: int = 2) -> None:
    """The user types somewhere below."""
    at = {"line": 3, "character": 0}
    client.change(uri, version, {"range": {"start": at, "end": at}, "text": "#"})


def texts(answer: Any) -> list[str]:
    assert list(answer) == ["items"]
    return [item["insertText"] for item in answer["items"]]
