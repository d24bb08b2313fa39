"""Reads a tree from a folder on this host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from builder.digest import CHUNK
from builder.errors import HostError
from builder.install_trees.source import FileMissing, TreeSource
from builder.install_trees.stream import Stream


class FolderSource(TreeSource):
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)

    def exists(self, path: str) -> bool:
        with self._translated(path):
            return (self._folder / path).is_file()

    @contextmanager
    def stream(self, path: str, offset: int = 0) -> Iterator[Stream]:
        file = self._folder / path
        with self._translated(path):
            # Checked before opening: opening a pipe would wait for a writer.
            if not file.is_file():
                raise FileMissing("not a regular file" if file.exists() else "no such file")
            opened = file.open("rb")
        with opened:
            opened.seek(offset)
            yield Stream(self._chunks(opened, path), offset, file.stat().st_size)

    def _chunks(self, opened: BinaryIO, path: str) -> Iterator[bytes]:
        while True:
            with self._translated(path):
                chunk = opened.read(CHUNK)
            if not chunk:
                return
            yield chunk

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HostError(f"cannot read {self._folder / path}", details=error.strerror) from error
