"""What stays on this machine, and what the user is told before code leaves it."""

from __future__ import annotations

import pytest

from codels.endpoint import Endpoint, is_url

HOSTS = [
    # an address, whether it is this machine's
    ("http://127.0.0.1:8000/v1", True),
    ("http://127.8.9.1", True),
    ("http://localhost/v1", True),
    ("https://LOCALHOST:1/v1", True),
    ("http://[::1]:8080", True),
    ("http://0.0.0.0", False),
    ("http://10.0.0.1", False),
    ("http://2130706433", False),
    ("http://127.1", False),
    ("http://localhost.evil.org", False),
    ("http://127.0.0.1.evil.org", False),
    ("http://models", False),
]


@pytest.mark.parametrize(("url", "is_here"), HOSTS)
def test_loopback_is_an_address_or_localhost(url: str, is_here: bool) -> None:
    assert is_url(url)
    assert Endpoint(url).is_loopback is is_here
    assert bool(Endpoint(url).notice) is not is_here


def test_the_notice_names_the_host() -> None:
    said = "the source code around the caret leaves this machine: it is sent to models.example:8000"
    assert Endpoint("https://models.example:8000/v1").notice == said
    assert Endpoint("http://models.example:8000/v1").notice == (
        f"{said}, unencrypted (use https:// where the server can)"
    )


@pytest.mark.parametrize(
    "text",
    ["", "x", "file:///x", "http://", "http://a b", "http://u@h", "http://h/?q", "http://h/#f", "http://h:0", "http://h\\@x",
     "http://[::1", "http://hé", "http://h\n"],
)  # fmt: skip
def test_what_is_no_address_or_could_not_be_shown(text: str) -> None:
    assert not is_url(text)
