"""A file or a repository on the Hugging Face hub: asked about, and fetched. The one module that fetches anything.

`huggingface_hub` knows the endpoint, the token, proxies and its cache, as its users expect. Its own download begins
anew after a kill; this one goes on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from codels import __version__
from codels.cancel import CancelToken
from codels.errors import DownloadError
from codels.registry import patience, remedies
from codels.registry.card import ModelFile
from codels.registry.partial import Partial
from codels.registry.progress import Meter

WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Before another try, after as many in a row that brought nothing; then it is given up."""

MAX_RETRY_AFTER_S = 60.0
"""A server that asks for a longer wait is not waited for: the user is told."""

_READ_BYTES = 1 << 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Published:
    """What the hub says of a file: `size` in bytes; `etag` is its SHA-256, or git's hash of it."""

    commit: str
    etag: str
    size: int

    @property
    def sha256(self) -> str:
        """Empty where the hub does not say."""
        return self.etag if re.fullmatch("[0-9a-f]{64}", self.etag) else ""


@dataclass(frozen=True, slots=True)
class Repository:
    """What the hub says of a repository: its files at one commit, with size and hash, and its licence's name."""

    files: tuple[ModelFile, ...]
    license: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """The head of an answer: its status, and where in the file it begins."""

    status: int
    content_range: str


class Hub:
    """Patient with what passes; what does not is a `DownloadError`. `tell` hears why it takes long."""

    def __init__(self, file: ModelFile, tell: Callable[[str], None], cancel: CancelToken) -> None:
        # Telemetry would be a request that nobody asked for. The library reads this when it is imported.
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        import httpx2
        from huggingface_hub import constants, errors

        self._file = file
        self._tell = tell
        self._cancel = cancel
        self._endpoint = constants.ENDPOINT
        self._timeout_s = constants.HF_HUB_DOWNLOAD_TIMEOUT
        self._failures = (httpx2.HTTPError, errors.HFValidationError, errors.OfflineModeIsEnabled)
        self._n_vain = 0

    def ask(self) -> Published:
        """What there is at the file's revision, without fetching it."""
        from huggingface_hub import HfFileMetadata, get_hf_file_metadata, hf_hub_url

        def head() -> HfFileMetadata:
            url = hf_hub_url(self._file.repo, self._file.path, revision=self._file.revision or None)
            return get_hf_file_metadata(url, token=None, library_name="codels", library_version=__version__)

        said = self._ask(head)
        if not said.commit_hash or not said.etag or said.size is None:
            raise self._strange(f"no commit, hash or size of {self._file.path}")
        return Published(said.commit_hash, said.etag, said.size)

    def list(self) -> Repository:
        """All files of the repository, at the file's revision."""
        from huggingface_hub import HfApi

        api = HfApi(self._endpoint, library_name="codels", library_version=__version__)
        repo, revision = self._file.repo, self._file.revision or None
        try:
            said = self._ask(
                lambda: api.model_info(repo, revision=revision, files_metadata=True, timeout=self._timeout_s)
            )
        except (ValueError, KeyError, TypeError) as error:  # what came is no JSON, or another one
            raise self._strange("no list of files") from error
        files = (
            ModelFile(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else "", repo, said.sha or "")
            for file in said.siblings or ()
        )
        named = getattr(said.card_data, "license", "")
        return Repository(tuple(files), named if isinstance(named, str) else "")

    def _strange(self, missing: str) -> DownloadError:
        return DownloadError(
            f"{self._endpoint} does not answer as the hub does ({missing}): check HF_ENDPOINT and the proxy"
        )

    def _ask(self, question: Callable[[], T]) -> T:
        """The hub's answer, waited for as long as it may come."""
        while True:
            try:
                return patience.call(question, self._cancel)
            except self._failures as error:
                self._pause(error, is_further=False)

    def fetch(self, said: Published, part: Partial, meter: Meter) -> None:
        """Append to `part` what it lacks."""
        most = part.n_bytes
        while part.n_bytes < said.size:
            try:
                for chunk in self._cached(said, part) or self._fetched(said, part):
                    patience.check_cancel(self._cancel)
                    part.write(chunk)
                    meter.update(part.n_bytes)
            except self._failures as error:
                self._pause(error, is_further=part.n_bytes > most)
                most = max(most, part.n_bytes)

    def _cached(self, said: Published, part: Partial) -> Iterator[bytes] | None:
        """The file out of the cache of `huggingface_hub`, which other programs fill; none where it is not there."""
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(self._file.repo, self._file.path, revision=said.commit)
        if part.n_bytes or not isinstance(found, str) or Path(found).stat().st_size != said.size:
            return None
        return _read(Path(found))

    def _fetched(self, said: Published, part: Partial) -> Iterator[bytes]:
        """What the server sends from the end of `part` on. Raises `TransportError` where that is not the rest."""
        import httpx2

        with closing(patience.iterate(self._received(said, part.n_bytes), self._cancel)) as received:
            head = next(received)
            assert isinstance(head, _Answer)
            is_rest = head.content_range.startswith(f"bytes {part.n_bytes}-")
            if head.status == 416 or (head.status == 206 and not is_rest):
                part.restart()
                raise httpx2.RemoteProtocolError("another part of the file came than was asked for")
            if head.status == 200 and part.n_bytes:
                part.restart()  # the server knows no ranges
            n_left = said.size - part.n_bytes
            for chunk in received:
                assert isinstance(chunk, bytes)
                n_left -= len(chunk)
                if n_left < 0:
                    part.restart()
                    raise httpx2.RemoteProtocolError("more bytes came than the file has")
                yield chunk
        if n_left:
            raise httpx2.RemoteProtocolError("the answer ended early")

    def _received(self, said: Published, start: int) -> Iterator[_Answer | bytes]:
        """The answer's head, then its bytes; made in another thread, so that a read that hangs can be given up."""
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

        headers = build_hf_headers(library_name="codels", library_version=__version__)
        headers["Accept-Encoding"] = "identity"  # the bytes that are hashed, not others that stand for them
        if start:
            headers["Range"] = f"bytes={start}-"
        # From the hub each time, which signs the address of the bytes anew: signatures expire.
        url = hf_hub_url(self._file.repo, self._file.path, revision=said.commit)
        session = get_session()
        with session.stream("GET", url, headers=headers, timeout=self._timeout_s, follow_redirects=True) as response:
            if response.status_code != 416:
                hf_raise_for_status(response)
            yield _Answer(response.status_code, response.headers.get("Content-Range", ""))
            yield from response.iter_raw()

    def _pause(self, error: Exception, is_further: bool) -> None:
        """Wait before another try. Raises `DownloadError` where it is not worth one, or after too many in vain."""
        self._n_vain = 0 if is_further else self._n_vain + 1
        said = remedies.sentence(error, self._file, self._endpoint)
        wait_s = remedies.retry_after_s(error)
        if not remedies.may_pass(error) or self._n_vain > len(WAITS_S) or wait_s > MAX_RETRY_AFTER_S:
            raise DownloadError(said) from error
        wait_s = wait_s or WAITS_S[max(0, self._n_vain - 1)]
        self._tell(f"{said}; another try in {wait_s:.0f} s")
        patience.wait(wait_s, self._cancel)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_READ_BYTES):
            yield chunk
