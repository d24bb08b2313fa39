"""Every place that a tree can be in, really there: servers on the loopback address, and ISO images."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pycdlib

from builder.events import Event
from builder.guest.gateway import to_host_url
from builder.install_trees.serve import serving
from builder.install_trees.share import open_share
from tests.certificates import LOOPBACK, LOOPBACK_KEY
from tests.servers import ftp_server


@contextlib.contextmanager
def served(source: Path, hear: Callable[[Event], None] = lambda _: None) -> Iterator[str]:
    """The URL of what `golden tree serve` serves, in a thread of this process."""
    share = open_share(source)
    loop = asyncio.new_event_loop()
    ready, end = threading.Event(), asyncio.Event()
    port = 0

    async def run() -> None:
        nonlocal port
        async with serving(share, "127.0.0.1", 0, hear) as port:
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        assert ready.wait(30)
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        share.close()


@contextlib.contextmanager
def served_by_https(folder: Path, scratch: Path) -> Iterator[str]:
    """The URL of a server whose certificate nobody trusts by himself."""
    scratch.mkdir()
    certificate, key = scratch / "certificate.pem", scratch / "key.pem"
    certificate.write_text(LOOPBACK)
    key.write_text(LOOPBACK_KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that does not trust it hangs up."""

    with Server(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def served_by_ftp(folder: Path) -> Iterator[str]:
    with ftp_server(folder) as url:
        yield to_host_url(url)


def make_iso(folder: Path, image: Path, *, rock_ridge: bool = True, joliet: bool = False) -> Path:
    """An ISO image of a folder's files, by pycdlib; symbolic links where it has Rock Ridge."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, rock_ridge="1.09" if rock_ridge else None, joliet=3 if joliet else None)
    plain: dict[Path, str] = {folder: ""}
    for number, path in enumerate(sorted(folder.rglob("*"))):
        # Plain names are of capitals, digits and "_"; they only have to differ where there are others.
        bare = not rock_ridge and not joliet
        own = path.name.upper() if bare else f"F{number}"
        plain[path] = f"{plain[path.parent]}/{own}"
        names: dict[str, Any] = {"rr_name": path.name} if rock_ridge else {}
        if path.is_symlink():
            if rock_ridge:
                iso.add_symlink(f"{plain[path]}.;1", path.name, str(path.readlink()))
            continue
        if joliet:
            names["joliet_path"] = f"/{path.relative_to(folder)}"
        if path.is_dir():
            iso.add_directory(plain[path], **names)
        else:
            dot = "" if "." in own else "."
            iso.add_file(str(path), f"{plain[path]}{dot};1", **names)
    iso.write(str(image))
    iso.close()
    return image


def make_iso_by_xorriso(folder: Path, image: Path) -> Path:
    """An ISO image as the makers of distributions make them."""
    command = ["xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-joliet-long", "-iso-level", "3"]
    subprocess.run([*command, "-o", str(image), str(folder)], check=True, capture_output=True)
    return image
