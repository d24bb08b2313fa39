"""A tree in a folder of this host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.digest import CHUNK
from builder.errors import HostError
from builder.trees.source import Absent, Source
from builder.trees.stream import Stream


class FolderSource(Source):
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)

    def exists(self, path: str) -> bool:
        return (self._folder / path).is_file()

    @contextmanager
    def stream(self, path: str, offset: int = 0) -> Iterator[Stream]:
        file = self._folder / path
        # Also asked first because opening a pipe would wait for whoever writes to it.
        if not file.is_file():
            raise Absent("not a file" if file.exists() else "no such file")
        try:
            opened = file.open("rb")
        except OSError as error:
            raise HostError(f"cannot read {file}", details=str(error)) from error
        with opened:
            opened.seek(offset)
            yield Stream(iter(lambda: opened.read(CHUNK), b""), offset, file.stat().st_size)
