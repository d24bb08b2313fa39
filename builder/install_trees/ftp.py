"""Files behind ftp URLs, as RFC 1738 has them: relative to where the login leads."""

from __future__ import annotations

import ftplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from builder.errors import HostError, RequestError
from builder.install_trees.source import FileMissing, TreeSource
from builder.install_trees.stream import Stream
from builder.install_trees.url import beside, shown

CHUNK = 1 << 20

ERRORS: tuple[type[Exception], ...] = (*ftplib.all_errors, ValueError)
"""ValueError: what it cannot make sense of, in an answer or in a server's name."""

UNAVAILABLE = "550"
"""The reply for a file that is missing, or not readable; servers do not tell the two apart."""


class FtpSource(TreeSource):
    """Every file has a connection of its own: one that was idle for a while is the server's to end."""

    def __init__(self, url: str, silence: float) -> None:
        self._url = url
        self._silence = silence
        self.name = shown(url)
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port or ftplib.FTP_PORT
        except ValueError as error:
            raise RequestError(f"not a URL: {self.name}", details=str(error)) from error
        if not self._host:
            raise RequestError(f"the URL names no server: {self.name}", hint="such as ftp://192.168.1.254/centos7")
        self._login = unquote(parts.username or ""), unquote(parts.password or "")

    def exists(self, path: str) -> bool:
        url = beside(self._url, path)
        try:
            with self._connected(url) as ftp, self._translated(url):
                if _find_size(ftp, _name(url)) is None:
                    ftp.transfercmd(f"RETR {_name(url)}").close()
                return True
        except FileMissing:
            return False

    @contextmanager
    def stream(self, path: str, offset: int = 0) -> Iterator[Stream]:
        url = beside(self._url, path)
        with self._connected(url) as ftp:
            with self._translated(url):
                total = _find_size(ftp, _name(url))
                data, start = _begin(ftp, _name(url), offset if total is None or offset <= total else 0)
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
        """The chunks of a transfer. Raises HostError for one that ends before its time."""
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
            raise HostError(f"cannot download {shown(url)}", details=f"it ended after {done} of {size} bytes")

    @contextmanager
    def _translated(self, url: str) -> Iterator[None]:
        """What ftplib raises, as Absent or as HostError that names the URL."""
        try:
            yield
        except TimeoutError as error:
            details = f"no byte for {self._silence:g} s"
            raise HostError(f"cannot download {shown(url)}", details=details) from error
        except ERRORS as error:
            if isinstance(error, ftplib.error_perm) and str(error).startswith(UNAVAILABLE):
                raise FileMissing(str(error)) from error
            details = "the server hung up" if isinstance(error, EOFError) else str(error)
            raise HostError(f"cannot download {shown(url)}", details=details) from error


def _name(url: str) -> str:
    """What a URL's file is called on its server. Raises Absent where no file can be."""
    name = unquote(urlsplit(url).path[1:])
    if not name.isprintable():
        raise FileMissing("no name of a file")  # a line's end would begin another command
    return name


def _find_size(ftp: ftplib.FTP, name: str) -> int | None:
    """A file's size; None where the server does not tell sizes."""
    try:
        return ftp.size(name)
    except ftplib.error_perm as error:
        if str(error).startswith(UNAVAILABLE):
            raise
        return None


def _begin(ftp: ftplib.FTP, name: str, offset: int) -> tuple[socket.socket, int]:
    """Begin a transfer at `offset`, or where the server can; its connection, and the first byte's place."""
    if offset:
        try:
            return ftp.transfercmd(f"RETR {name}", rest=offset), offset
        except ftplib.error_perm as error:
            if str(error).startswith(UNAVAILABLE):
                raise
    return ftp.transfercmd(f"RETR {name}"), 0
