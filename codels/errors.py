"""What can go wrong, as types. The message always names the value and the remedy.

CodelsError
├── UserError              a path, position, model id or option that does not exist or fit
├── ModelError             a model file that cannot be used
│   ├── MarkerMissing      its vocabulary lacks a marker that its family needs
│   └── OutOfMemory        it did not fit: a backend tries again, smaller
├── DownloadError          a file of a model could not be fetched; the message says what is kept and what helps
│   └── Stopped            somebody stopped it
├── RemoteError            a server did not answer as it should; the message names its host, never the key
├── PromptTooLong          more tokens than the context window holds: fit again, smaller
├── Cancelled              somebody cancelled what was asked; there is no half answer
├── EngineDown             the engine process is not there (loading, crashed, stopped)
└── BackendMissing         the library behind a backend is not installed
"""

from __future__ import annotations


class CodelsError(Exception):
    """Base of every error that codels raises on purpose."""


class UserError(CodelsError):
    """Something that the user named does not exist or does not fit."""


class ModelError(CodelsError):
    """A model file that is missing, damaged or of the wrong kind."""


class MarkerMissing(ModelError):
    """The vocabulary has no single special token for a marker of the prompt."""

    def __init__(self, marker: str) -> None:
        super().__init__(
            f"the model's vocabulary has no special token {marker!r}, which its prompt family needs; "
            "correct the family in its card, or use the model without fill-in-the-middle"
        )
        self.marker = marker


class OutOfMemory(ModelError):
    """A model or its context did not fit into memory."""


class DownloadError(CodelsError):
    """A file of a model could not be fetched from the hub."""


class Stopped(DownloadError):
    """A pull was stopped on purpose."""


class RemoteError(CodelsError):
    """A server that models are asked through cannot be reached, refuses (`status`: by HTTP), or answers otherwise than
    it should.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class PromptTooLong(CodelsError):
    """The prompt has `n_prompt` tokens where at most `n_limit` fit."""

    def __init__(self, n_prompt: int, n_limit: int) -> None:
        super().__init__(f"the prompt has {n_prompt} tokens, at most {n_limit} fit this context window")
        self.n_prompt = n_prompt
        self.n_limit = n_limit


class Cancelled(CodelsError):
    """What was asked was cancelled before there was an answer."""


class EngineDown(CodelsError):
    """The engine cannot answer now; the message says why."""


class BackendMissing(CodelsError):
    """The library that a backend needs is not installed."""
