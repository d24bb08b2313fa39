"""Serves a share over HTTP: ranges, conditional requests, listings.

Files are sent unchanged. aiohttp's static files are not used: they need a path, which files on an ISO image
do not have, and they send `primary.xml.gz` with a Content-Encoding, so that clients unpack it.
"""

from __future__ import annotations

import asyncio
import errno
import html
import json
import logging
import mimetypes
import os
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import quote_from_bytes, unquote_to_bytes

from aiohttp import ETag, web
from aiohttp.helpers import ETAG_ANY

from builder import process
from builder.errors import GoldenError, HostError
from builder.events import Emit, Notice
from builder.install_trees.share import File, Listing, Share

CHUNK = 1 << 20
PATIENCE = 1.0
"""Seconds that running answers get when the server stops."""

COMPRESSED = {"gzip": "application/gzip", "xz": "application/x-xz", "bzip2": "application/x-bzip2"}


@asynccontextmanager
async def serving(share: Share, address: str, port: int, emit: Emit) -> AsyncIterator[int]:
    """Answer requests while the body runs; yield the port, which is a free one if `port` is 0.

    Every request is emitted as a notice. Raises HostError if it cannot listen there.
    """
    logger = logging.Logger("aiohttp.server", logging.ERROR)
    logger.addHandler(MalformedRequestLog(emit))
    server = web.Server(RequestHandler(share, emit), access_log=None, logger=logger)
    runner = web.ServerRunner(server, shutdown_timeout=PATIENCE)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address, port).start()
        except OSError as error:
            raise _cannot_listen(address, port, error) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def urls(address: str, port: int) -> list[str]:
    """The URLs of a server that listens on an address; 0.0.0.0 and :: mean all addresses of this host.

    Raises HostError.
    """
    families = {"0.0.0.0": "inet", "::": "inet6"}
    found = [address]
    if family := families.get(address):
        listed = process.run([process.find_tool("ip", package="iproute2"), "-json", "address"])
        entries = [each for interface in json.loads(listed) for each in interface.get("addr_info", [])]
        own = [each for each in entries if each.get("family") == family]
        found = [each["local"] for each in own if each.get("scope") == "global"] or [each["local"] for each in own]
    return [f"http://{f'[{each}]' if ':' in each else each}:{port}" for each in found]


class MalformedRequestLog(logging.Handler):
    """Reports the malformed requests that aiohttp logs."""

    def __init__(self, emit: Emit) -> None:
        super().__init__()
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        reason = record.exc_info[1] if record.exc_info else None
        text = f"{record.getMessage()}: {reason}" if reason else record.getMessage()
        self._emit(Notice(" ".join(text.split()), warning=True))


class RequestHandler:
    """Answers all requests to a share."""

    def __init__(self, share: Share, emit: Emit) -> None:
        self._share = share
        self._emit = emit

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        label = f"{request.remote} {request.method} {request.rel_url.raw_path}"
        try:
            response = await self._answer(request)
        except (OSError, GoldenError) as error:
            if isinstance(error, ConnectionError):
                self._emit(
                    Notice(
                        f"{label}: the client closed the connection before it had everything; installers do this, too"
                    )
                )
            else:
                self._emit(Notice(f"{label}: {error}", warning=True))
            # The headers may already be sent: only a closed connection then tells the client that data is missing.
            if request.transport:
                request.transport.abort()
            return web.Response(status=500)
        self._emit(Notice(f"{label} {response.status}"))
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"}, text="only GET and HEAD\n")
        path = request.rel_url.raw_path
        names = path_names(path)
        found = None if names is None else await asyncio.to_thread(self._share.open, names)
        if names is None or found is None:
            return web.Response(status=404, text="no such file\n")
        if isinstance(found, Listing):
            if not path.endswith("/"):
                return web.Response(status=301, headers={"Location": "/" + "".join(f"{_quote(n)}/" for n in names)})
            return web.Response(text=page(names, found), content_type="text/html", charset="utf-8")
        try:
            return await _send(request, found)
        finally:
            found.close()


def path_names(path: str) -> list[str] | None:
    """The components of a request's path, decoded once; None for a path with `..` or a NUL byte."""
    names = [os.fsdecode(each) for each in unquote_to_bytes(path).split(b"/")]
    kept = [each for each in names if each not in ("", ".")]
    return None if ".." in kept or "\0" in path or any("\0" in each for each in kept) else kept


def wanted_range(header: str, size: int) -> range | None:
    """The bytes of a file of `size` that a Range header requests; empty if it cannot be satisfied.

    None if the header must be ignored and the whole file sent: another unit, several ranges, or a syntax error
    (RFC 9110, section 14.2).
    """
    found = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", header.strip(), re.IGNORECASE)
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1) if last else size)


async def _send(request: web.BaseRequest, file: File) -> web.StreamResponse:
    """Send a file or the requested range of it."""
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{file.tag}"'}
    if status := _precondition(request, file):
        response: web.StreamResponse = web.Response(status=status, headers=headers)
        response.last_modified = file.modified
        return response
    part = range(file.size)
    status = 200
    header = request.headers.get("Range")
    if header and request.method == "GET" and _range_applies(request, file):
        wanted = wanted_range(header, file.size)
        if wanted is not None and not wanted:
            return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{file.size}"})
        if wanted is not None:
            part, status = wanted, 206
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{file.size}"
    response = web.StreamResponse(status=status, headers=headers)
    response.content_type = _content_type(file.name)
    response.content_length = len(part)
    response.last_modified = file.modified
    await response.prepare(request)
    if request.method == "GET":
        await _send_bytes(response, file, part)
    return response


async def _send_bytes(response: web.StreamResponse, file: File, part: range) -> None:
    done = part.start
    while done < part.stop:
        chunk = await asyncio.to_thread(file.read, done, min(CHUNK, part.stop - done))
        if not chunk:
            raise HostError(f"{file.name} became shorter while it was sent; the client gets an incomplete file")
        await response.write(chunk)
        done += len(chunk)
    await response.write_eof()


def _precondition(request: web.BaseRequest, file: File) -> int | None:
    """The status that answers a conditional request; None if the file must be sent (RFC 9110, section 13.2)."""
    if request.if_match is not None:
        if not _matches(request.if_match, file, weak=False):
            return 412
    elif request.if_unmodified_since is not None and file.modified > request.if_unmodified_since:
        return 412
    if request.if_none_match is not None:
        return 304 if _matches(request.if_none_match, file, weak=True) else None
    if request.if_modified_since is not None and file.modified <= request.if_modified_since:
        return 304
    return None


def _matches(tags: Sequence[ETag], file: File, *, weak: bool) -> bool:
    return any(tag.value == ETAG_ANY or (tag.value == file.tag and (weak or not tag.is_weak)) for tag in tags)


def _range_applies(request: web.BaseRequest, file: File) -> bool:
    """Whether the part that the client already has is of this version of the file."""
    header = request.headers.get("If-Range")
    return header is None or header == f'"{file.tag}"' or request.if_range == file.modified


def _content_type(name: str) -> str:
    kind, encoding = mimetypes.guess_type(name)
    return COMPRESSED.get(encoding, "application/octet-stream") if encoding else kind or "application/octet-stream"


def page(names: Sequence[str], listing: Listing) -> str:
    """A folder's listing, as HTML."""
    title = html.escape("/" + "".join(f"{each}/" for each in names)).encode(errors="replace").decode()
    rows = ['<tr><td><a href="../">../</a></td></tr>'] if names else []
    for row in listing.rows:
        slash = "/" if row.size is None else ""
        text = html.escape(row.name + slash).encode(errors="replace").decode()
        size = "" if row.size is None else row.size
        rows.append(
            f'<tr><td><a href="./{_quote(row.name)}{slash}">{text}</a></td>'
            f"<td>{row.modified:%Y-%m-%d %H:%M}</td><td>{size}</td></tr>"
        )
    return (
        f"<!DOCTYPE html>\n<html><head><meta charset=utf-8><title>{title}</title></head>\n"
        f"<body><h1>{title}</h1><table>\n" + "\n".join(rows) + "\n</table></body></html>\n"
    )


def _quote(name: str) -> str:
    return quote_from_bytes(os.fsencode(name), safe="")


def _cannot_listen(address: str, port: int, error: OSError) -> HostError:
    hints = {
        errno.EADDRINUSE: "choose another --port: this one is in use",
        errno.EACCES: "choose a --port of 1024 or above: only root may use lower ones",
        errno.EADDRNOTAVAIL: "set --address to an address of this host, or to 0.0.0.0 for all of them",
    }
    unknown = isinstance(error, socket.gaierror)
    return HostError(
        f"cannot listen on {address}, port {port}",
        details=error.strerror or str(error),
        hint=hints[errno.EADDRNOTAVAIL] if unknown else hints.get(error.errno or 0),
    )
