"""What the hub's refusals and the network's failures mean, in sentences that say what helps. Imports no library."""

from __future__ import annotations

import errno
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from codels.registry.card import ModelFile

LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"

BY_NAME = {
    "GatedRepoError": "{repo} is gated: accept its terms at {endpoint}/{repo}, then " + LOG_IN,
    "DisabledRepoError": "the hub has disabled {repo}",
    "RevisionNotFoundError": "{repo} has no revision {revision}: {fix}",
    "RemoteEntryNotFoundError": "{repo} has no file {path} at revision {revision}: {fix}",
    "RepositoryNotFoundError": "{endpoint} has no repository {repo}, or not for you: {fix}, or " + LOG_IN,
    "HFValidationError": "{repo} is no name that a repository can have: {fix}",
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set, and {path} of {repo} would be needed from {endpoint}",
    "ProxyError": "the proxy of HTTPS_PROXY does not let {endpoint} through: {reason}",
    "ConnectError": "{endpoint} cannot be reached: check the connection, HTTPS_PROXY and HF_ENDPOINT: {reason}",
    "TimeoutException": "{endpoint} does not answer: try again later, HF_HUB_DOWNLOAD_TIMEOUT sets how long to wait",
    "TransportError": "the connection to {endpoint} is cut again and again: try again later: {reason}",
}
"""The exceptions of huggingface_hub and httpx2 by name, so that neither is imported for words."""

BY_STATUS = {
    401: "{endpoint} does not accept your token: " + LOG_IN,
    403: "your token may not read {repo}: " + LOG_IN + ", with one that may",
    404: "{endpoint} has no file {path} of {repo} at revision {revision}: {fix}",
    429: "{endpoint} was asked too often: try again {when}, a token (`hf auth login`) allows more",
}

PASSING = {408, 429, 500, 502, 503, 504}
"""HTTP statuses that may be gone a little later."""


def sentence(error: Exception, file: ModelFile, endpoint: str) -> str:
    """What happened to `file`, and what helps. A file without a path stands for its whole repository."""
    names = [kind.__name__ for kind in type(error).__mro__]
    found = next((BY_NAME[name] for name in names if name in BY_NAME), "") or BY_STATUS.get(status_of(error), "")
    template = found or "{endpoint} answered for {path} of {repo}: {reason}"
    wait_s = retry_after_s(error)
    return template.format(
        repo=file.repo,
        path=file.path or "the list of files",
        revision=file.revision or "main",
        endpoint=endpoint,
        reason=(str(error).strip() or names[0]).splitlines()[0][:200],
        fix="correct the card" if file.path else "check the name",
        when=f"in {wait_s:.0f} s" if wait_s else "later",
    )


def may_pass(error: Exception) -> bool:
    """Whether trying again soon can help: a connection that was cut, a server that is busy."""
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__) or status_of(error) in PASSING


def status_of(error: Exception) -> int:
    """The HTTP status that an error is about; 0 where there was no answer."""
    return getattr(getattr(error, "response", None), "status_code", 0)


def retry_after_s(error: Exception) -> float:
    """What the header Retry-After asks to wait, in seconds: a number or a date; 0 without one."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value[:9])
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def disk_sentence(error: OSError, path: str) -> str:
    """What the file system refused, and what helps."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"the disk is full: make room for {path} and pull again, which goes on from there"
    return f"{error.filename or path} cannot be written: {error.strerror or error}"
