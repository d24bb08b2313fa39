"""A mirror whose files a test can change, and that counts requests."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from tests.servers import HttpServer, http_server

LONG_AGO = 1_700_000_000


class Mirror:
    def __init__(self, folder: Path, server: HttpServer) -> None:
        self.folder = folder
        self.server = server
        self._times = itertools.count(LONG_AGO, 60)

    def put(self, path: str, content: str) -> str:
        """Change a file, with a time stamp that is long ago and differs from all before; returns its SHA-256."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        os.utime(file, (when := next(self._times), when))
        return hashlib.sha256(content.encode()).hexdigest()

    def url(self, path: str) -> str:
        return f"{self.server.url}/{path}"

    def take_answered(self) -> list[tuple[str, int]]:
        """The paths and statuses of the requests since the last call, sorted."""
        taken = sorted((path.removeprefix("/"), status) for path, status in self.server.answered)
        self.server.answered.clear()
        return taken


@contextlib.contextmanager
def running_mirror(folder: Path, gateway: str = "127.0.0.1") -> Iterator[Mirror]:
    folder.mkdir(parents=True, exist_ok=True)
    with http_server(folder, gateway) as server:
        yield Mirror(folder, server)
