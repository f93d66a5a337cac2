"""What `codels models add` is given: a repository of the hub by its name or its address, or else a path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_NAME = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*?)(?::(?P<choice>[^:]+))?")

_FILE_PAGES = {"blob", "resolve", "raw"}


@dataclass(frozen=True, slots=True)
class Source:
    """`revision` empty: the newest. `choice` is a quantisation, or a file of the repository; empty: the only one."""

    repo: str
    revision: str = ""
    choice: str = ""


def parse(text: str) -> Source | None:
    """`owner/name`, `owner/name:Q4_K_M`, or an address of the hub or a mirror; none where it is neither."""
    if re.match(r"https?://|(?:www\.)?(?:huggingface\.co|hf\.co)/", text):
        return _address(text)
    match = _NAME.fullmatch(text)
    if not match or match["repo"].lower().endswith((".gguf", ".json")):
        return None
    return Source(match["repo"], choice=match["choice"] or "")


def _address(text: str) -> Source | None:
    """`…/owner/name`, also with `:Q4_K_M`, `/tree/REVISION`, `/blob/REVISION/FILE`, `/resolve/REVISION/FILE`."""
    path = urlsplit(text if "://" in text else f"https://{text}").path
    owner, _, rest = unquote(path).strip("/").partition("/")
    name, *more = rest.split("/")
    match = _NAME.fullmatch(f"{owner}/{name}")
    if not match:
        return None
    page, revision, file = more[:1], more[1:2], "/".join(more[2:])
    is_file = bool(page) and page[0] in _FILE_PAGES
    return Source(match["repo"], "".join(revision), file if is_file else match["choice"] or "")
