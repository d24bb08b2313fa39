"""The digest of one index upstream, at the least cost."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from builder.errors import HostError
from builder.indexes import digest_index
from builder.install_trees.source import TreeSource
from builder.install_trees.url import shown

if TYPE_CHECKING:
    import httpx

LIMIT = 16 << 20
"""Bytes that an index may have; the largest InRelease has a few hundred thousand."""

SETTLED = timedelta(seconds=2)
"""How long ago a file must have changed for its time stamp to tell it from the next one (RFC 9110, 8.8.2.2)."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file's digest, and what its server tells it from others by; empty where it has nothing for that."""

    sha256: str
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds without a byte after which a server counts as gone, and when all must be over (monotonic)."""

    silence: float
    deadline: float

    @property
    def left(self) -> float:
        """What to wait for the next byte, at the most."""
        return max(0.01, min(self.silence, self.deadline - time.monotonic()))

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    def digest(self, url: str, chunks: Iterable[bytes]) -> str:
        """What the chunks of an index say. Raises HostError when they are too many, or too slow."""
        content = bytearray()
        for chunk in chunks:
            content += chunk
            if len(content) > LIMIT:
                raise HostError(f"cannot download {shown(url)}", details=f"more than {LIMIT >> 20} MiB: no index")
            if self.is_over:
                raise HostError(f"cannot download {shown(url)}", details="it takes too long")
        return digest_index(bytes(content))


def ask_http(client: httpx.Client, url: str, known: KnownFile | None, patience: Timeouts) -> KnownFile:
    """Ask for a file, unless it is the one that is known. Raises Absent and HostError."""
    from builder.install_trees import http

    # A proxy in between may not answer by itself.
    headers = {"Accept-Encoding": "identity", "Cache-Control": "max-age=0"}
    if known and known.etag:
        headers["If-None-Match"] = known.etag
    if known and known.modified:
        headers["If-Modified-Since"] = known.modified
    with (
        http.translated(client, url),
        client.stream("GET", url, headers=headers, timeout=patience.left) as response,
    ):
        if known and response.status_code == 304:
            return known
        http.check(response)
        if response.headers.get("Content-Type", "").lower().startswith("text/html"):
            # Some proxy's way to say no.
            raise HostError(f"cannot download {shown(url)}", details="a web page came instead")
        sha256 = patience.digest(url, response.iter_raw())
        if not is_settled(response):
            return KnownFile(sha256)
        return KnownFile(sha256, response.headers.get("ETag", ""), response.headers.get("Last-Modified", ""))


def is_settled(response: httpx.Response) -> bool:
    """Whether another file at this URL would have other validators: servers make ETags of time stamps, too."""
    modified = response.headers.get("Last-Modified")
    if modified is None:
        return True
    try:
        now, then = (parsedate_to_datetime(text) for text in (response.headers.get("Date", ""), modified))
        return now - then >= SETTLED
    except (TypeError, ValueError):  # no dates, or one of them without a zone
        return False


def ask_source(url: str, patience: Timeouts) -> KnownFile:
    """The digest of a file behind an ftp or file URL. Raises Absent, HostError and RequestError."""
    source, name = open_source(url, patience)
    try:
        with source.stream(name) as stream:
            return KnownFile(patience.digest(url, stream.chunks))
    finally:
        source.close()


def open_source(url: str, patience: Timeouts) -> tuple[TreeSource, str]:
    """The place of a file, and its name there. Raises HostError for what nobody can be asked by."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise HostError(f"not a URL: {url}", details=f"not a URL: {error}") from error
    folder, _, name = parts.path.rpartition("/")
    match parts.scheme:
        case "ftp":
            from builder.install_trees.ftp import FtpSource

            return FtpSource(parts._replace(path=f"{folder}/").geturl(), patience.left), unquote(name)
        case "file":
            from builder.install_trees.folder import FolderSource

            return FolderSource(Path(unquote(folder) or "/")), unquote(name)
    raise HostError(f"cannot download {shown(url)}", details=f"golden cannot ask by {parts.scheme or 'that'}:")
