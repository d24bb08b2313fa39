"""The digest of one index upstream, with as few bytes as possible."""

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
"""The largest size of an index, in bytes; real InRelease files have a few hundred thousand."""

SETTLED = timedelta(seconds=2)
"""The age at which a file's time stamp identifies it reliably (RFC 9110, 8.8.2.2)."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file's digest and its HTTP validators; empty if the server sent none."""

    sha256: str
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """`silence`: seconds to wait for a byte; `deadline`: the end of all requests, on the monotonic clock."""

    silence: float
    deadline: float

    @property
    def left(self) -> float:
        """The longest time to wait for the next byte, in seconds."""
        return max(0.01, min(self.silence, self.deadline - time.monotonic()))

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    def digest(self, url: str, chunks: Iterable[bytes]) -> str:
        """The digest of an index, read in chunks. Raises HostError if it is too large or too slow."""
        content = bytearray()
        for chunk in chunks:
            content += chunk
            if len(content) > LIMIT:
                raise HostError(
                    f"cannot download {shown(url)}",
                    details=f"larger than {LIMIT >> 20} MiB, so it cannot be a repository index",
                )
            if self.is_over:
                raise HostError(
                    f"cannot download {shown(url)}", details="gave up: the download did not finish in the allowed time"
                )
        return digest_index(bytes(content))


def ask_http(client: httpx.Client, url: str, known: KnownFile | None, timeouts: Timeouts) -> KnownFile:
    """Fetch a file, unless it is unchanged from `known`. Raises FileMissing and HostError."""
    from builder.install_trees import http

    # A proxy must not answer from its cache.
    headers = {"Accept-Encoding": "identity", "Cache-Control": "max-age=0"}
    if known and known.etag:
        headers["If-None-Match"] = known.etag
    if known and known.modified:
        headers["If-Modified-Since"] = known.modified
    with (
        http.translated(client, url),
        client.stream("GET", url, headers=headers, timeout=timeouts.left) as response,
    ):
        if known and response.status_code == 304:
            return known
        http.check(response)
        if response.headers.get("Content-Type", "").lower().startswith("text/html"):
            # Some proxies answer an error this way.
            raise HostError(
                f"cannot download {shown(url)}", details="the server answered with a web page instead of the file"
            )
        sha256 = timeouts.digest(url, response.iter_raw())
        if not is_settled(response):
            return KnownFile(sha256)
        return KnownFile(sha256, response.headers.get("ETag", ""), response.headers.get("Last-Modified", ""))


def is_settled(response: httpx.Response) -> bool:
    """Whether a changed file at this URL would have other validators; servers derive even ETags from time stamps."""
    modified = response.headers.get("Last-Modified")
    if modified is None:
        return True
    try:
        now, then = (parsedate_to_datetime(text) for text in (response.headers.get("Date", ""), modified))
        return now - then >= SETTLED
    except (TypeError, ValueError):  # no dates, or a date without a time zone
        return False


def ask_source(url: str, timeouts: Timeouts) -> KnownFile:
    """The digest of a file behind an ftp or file URL. Raises FileMissing, HostError and RequestError."""
    source, name = open_source(url, timeouts)
    try:
        with source.stream(name) as stream:
            return KnownFile(timeouts.digest(url, stream.chunks))
    finally:
        source.close()


def open_source(url: str, timeouts: Timeouts) -> tuple[TreeSource, str]:
    """The folder of a file, and its name there. Raises HostError for an unsupported scheme."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise HostError(f"invalid URL: {url}", details=f"invalid URL: {error}") from error
    folder, _, name = parts.path.rpartition("/")
    match parts.scheme:
        case "ftp":
            from builder.install_trees.ftp import FtpSource

            return FtpSource(parts._replace(path=f"{folder}/").geturl(), timeouts.left), unquote(name)
        case "file":
            from builder.install_trees.folder import FolderSource

            return FolderSource(Path(unquote(folder) or "/")), unquote(name)
    raise HostError(f"cannot download {shown(url)}", details=f"unsupported URL scheme: {parts.scheme or 'none'}")
