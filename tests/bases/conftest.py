from __future__ import annotations

import gzip
import hashlib
import random
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server(ThreadingHTTPServer):
    """An HTTP server of one file, which tests can make behave badly.

    ranges:  whether it can resume.
    cut:     the bytes after which it hangs up, if it does.
    pause:   what every answer waits for.
    asked:   the Range header of every request, None without one.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = random.Random(1).randbytes(300_000)
        self.ranges = True
        self.cut: int | None = None
        self.pause = threading.Event()
        self.pause.set()
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/disk.img"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        server.pause.wait(10)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", server.url)
            self.end_headers()
            return
        if self.path != "/disk.img":
            self.send_error(404)
            return
        content, status = server.content, 200
        found = re.fullmatch(r"bytes=(\d+)-", wanted or "")
        if found and server.ranges:
            if int(found[1]) >= len(content):
                self.send_error(416)
                return
            content, status = content[int(found[1]) :], 206
        self.send_response(status)
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            content = gzip.compress(content)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: server.cut])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not use a proxy of this host for the test server."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.pause.set()
        server.shutdown()
        thread.join()
