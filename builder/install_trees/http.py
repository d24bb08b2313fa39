"""Reads a tree from an http or https URL."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from builder.errors import HostError
from builder.install_trees.source import SILENCE, FileMissing, TreeSource
from builder.install_trees.stream import Stream
from builder.install_trees.url import file_url, shown

ABSENT = (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND, httpx.codes.GONE)
"""Status codes of a missing file. A forbidden file counts as missing: some servers do not distinguish the two."""

NO_HEAD = (httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.NOT_IMPLEMENTED)


def open_client(silence: float = SILENCE) -> httpx.Client:
    """A client that follows redirects and trusts the certificate authorities of httpx and of this host."""
    # Many sites run their own certificate authority and install it on their hosts.
    trusted = httpx.create_ssl_context()
    trusted.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return httpx.Client(timeout=silence, follow_redirects=True, verify=trusted)


@contextmanager
def get(client: httpx.Client, url: str, offset: int = 0, *, hint: str | None = None) -> Iterator[Stream]:
    """The file at a URL, from `offset` on; from its beginning if the server cannot resume.

    Raises FileMissing; raises HostError, with `hint` if the connection was lost.
    """
    # No compression: digests and offsets refer to the file's own bytes.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    with translated(client, url, hint), client.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            yield Stream(iter(()), offset, offset)  # the file is already complete; a digest will confirm it
            return
        check(response)
        start = offset if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
        length = response.headers.get("Content-Length", "")
        yield Stream(response.iter_raw(), start, start + int(length) if length.isdigit() else None)


def exists(client: httpx.Client, url: str) -> bool:
    """Whether there is a file at a URL. Raises HostError."""
    with translated(client, url):
        response = client.head(url, headers={"Accept-Encoding": "identity"})
        if response.status_code in NO_HEAD:
            with client.stream("GET", url) as response:
                pass
        if response.status_code in ABSENT:
            return False
        response.raise_for_status()
        return True


def check(response: httpx.Response) -> None:
    """Raises FileMissing for a missing file, httpx.HTTPStatusError for any other failure."""
    if response.status_code in ABSENT:
        raise FileMissing(status_line(response))
    response.raise_for_status()


def status_line(response: httpx.Response) -> str:
    return f"{response.status_code} {response.reason_phrase}".rstrip()


@contextmanager
def translated(client: httpx.Client, url: str, hint: str | None = None) -> Iterator[None]:
    """Translate httpx's errors to HostError with the URL."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise HostError(f"cannot download {shown(url)}", details=status_line(error.response)) from error
    except httpx.ConnectTimeout as error:
        details = f"no answer from {urlsplit(url).hostname} for {client.timeout.connect:g} s"
        raise HostError(f"cannot download {shown(url)}", details=details, hint=hint) from error
    except httpx.TimeoutException as error:
        raise HostError(
            f"cannot download {shown(url)}", details=f"the server sent no data for {client.timeout.read:g} s", hint=hint
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise HostError(
            f"cannot download {shown(url)}", details=str(error) or type(error).__name__, hint=hint
        ) from error


class HttpSource(TreeSource):
    def __init__(self, url: str, silence: float) -> None:
        self._url = url
        self._client = open_client(silence)
        self.name = shown(url)

    def exists(self, path: str) -> bool:
        return exists(self._client, file_url(self._url, path))

    @contextmanager
    def stream(self, path: str, offset: int = 0) -> Iterator[Stream]:
        with get(self._client, file_url(self._url, path), offset) as stream:
            yield stream

    def close(self) -> None:
        self._client.close()
