"""Reads a tree from an ftp URL; as in RFC 1738, its path is relative to the login's directory."""

from __future__ import annotations

import ftplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from builder.errors import HostError, RequestError
from builder.install_trees.source import FileMissing, TreeSource
from builder.install_trees.stream import Stream
from builder.install_trees.url import file_url, shown

CHUNK = 1 << 20

ERRORS: tuple[type[Exception], ...] = (*ftplib.all_errors, ValueError)
"""ftplib raises ValueError for a malformed reply or server name."""

UNAVAILABLE = "550"
"""The reply for a missing or unreadable file; servers do not distinguish the two."""


class FtpSource(TreeSource):
    """Opens one connection per file, because servers close idle connections."""

    def __init__(self, url: str, silence: float) -> None:
        self._url = url
        self._silence = silence
        self.name = shown(url)
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port or ftplib.FTP_PORT
        except ValueError as error:
            raise RequestError(f"invalid URL: {self.name}", details=str(error)) from error
        if not self._host:
            raise RequestError(
                f"the URL names no server: {self.name}", hint="write it like ftp://192.168.1.254/centos7"
            )
        self._login = unquote(parts.username or ""), unquote(parts.password or "")

    def exists(self, path: str) -> bool:
        url = file_url(self._url, path)
        try:
            with self._connected(url) as ftp, self._translated(url):
                if _find_size(ftp, _name(url)) is None:
                    ftp.transfercmd(f"RETR {_name(url)}").close()
                return True
        except FileMissing:
            return False

    @contextmanager
    def stream(self, path: str, offset: int = 0) -> Iterator[Stream]:
        url = file_url(self._url, path)
        with self._connected(url) as ftp:
            with self._translated(url):
                total = _find_size(ftp, _name(url))
                data, start = _start_transfer(ftp, _name(url), offset if total is None or offset <= total else 0)
            with data:
                yield Stream(self._receive(ftp, data, None if total is None else total - start, url), start, total)

    @contextmanager
    def _connected(self, url: str) -> Iterator[ftplib.FTP]:
        ftp = ftplib.FTP(timeout=self._silence)
        try:
            with self._translated(url):
                ftp.connect(self._host, self._port)
                ftp.login(*self._login)
                ftp.voidcmd("TYPE I")
            yield ftp
        finally:
            ftp.close()

    def _receive(self, ftp: ftplib.FTP, data: socket.socket, size: int | None, url: str) -> Iterator[bytes]:
        """The chunks of a transfer. Raises HostError if it ends early."""
        done = 0
        while True:
            with self._translated(url):
                chunk = data.recv(CHUNK)
                if not chunk:
                    data.close()
                    ftp.voidresp()
                    break
            done += len(chunk)
            yield chunk
        if size is not None and done != size:
            raise HostError(f"cannot download {shown(url)}", details=f"the transfer ended after {done} of {size} bytes")

    @contextmanager
    def _translated(self, url: str) -> Iterator[None]:
        """Translate ftplib's errors to FileMissing, or to HostError with the URL."""
        try:
            yield
        except TimeoutError as error:
            details = f"the server sent no data for {self._silence:g} s"
            raise HostError(f"cannot download {shown(url)}", details=details) from error
        except ERRORS as error:
            if isinstance(error, ftplib.error_perm) and str(error).startswith(UNAVAILABLE):
                raise FileMissing(str(error)) from error
            details = "the server closed the connection" if isinstance(error, EOFError) else str(error)
            raise HostError(f"cannot download {shown(url)}", details=details) from error


def _name(url: str) -> str:
    """The name of a URL's file on the server. Raises FileMissing for an impossible name."""
    name = unquote(urlsplit(url).path[1:])
    if not name.isprintable():
        raise FileMissing("invalid file name")  # a line break would begin another FTP command
    return name


def _find_size(ftp: ftplib.FTP, name: str) -> int | None:
    """A file's size; None if the server does not report sizes."""
    try:
        return ftp.size(name)
    except ftplib.error_perm as error:
        if str(error).startswith(UNAVAILABLE):
            raise
        return None


def _start_transfer(ftp: ftplib.FTP, name: str, offset: int) -> tuple[socket.socket, int]:
    """Start a transfer at `offset`, or at 0 if the server cannot resume; return its socket and its start."""
    if offset:
        try:
            return ftp.transfercmd(f"RETR {name}", rest=offset), offset
        except ftplib.error_perm as error:
            if str(error).startswith(UNAVAILABLE):
                raise
    return ftp.transfercmd(f"RETR {name}"), 0
