"""Where a model is served by another program: an address, and whether it is this machine's. Knows no network."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit


class Kind(StrEnum):
    """What the server speaks: OpenAI's `/completions`, or llama-server's own `/completion`."""

    OPENAI = "openai"
    LLAMA_SERVER = "llama-server"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`model` empty: the first one that the server names. `key_env` is the name of an environment variable; the key
    itself is in no card, message or log.
    """

    url: str
    model: str = ""
    kind: Kind = Kind.OPENAI
    key_env: str = ""

    @property
    def host(self) -> str:
        """With its port, where the address has one."""
        return urlsplit(self.url).netloc

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent stays on this machine. A name other than localhost may be anywhere."""
        name = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return name == "localhost"

    @property
    def notice(self) -> str:
        """What the user must know before source code leaves the machine; empty where it does not."""
        if self.is_loopback:
            return ""
        clear = "" if self.url.startswith("https:") else ", unencrypted (use https:// where the server can)"
        return f"the source code around the caret leaves this machine: it is sent to {self.host}{clear}"


def is_url(text: str) -> bool:
    """An http or https address without a name, password, query or fragment: none of them could be shown."""
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = text.isascii() and text.isprintable() and not re.search(r"[\s@?#\\]", text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and has_port and is_plain
