"""Downloads that resume and are never used unverified."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from builder import digest, files, locks
from builder.errors import HostError, RequestError
from builder.events import Emit, Notice
from builder.install_trees import http
from builder.install_trees.source import FileMissing
from builder.install_trees.url import shown
from builder.storage import CacheEntry, Kind, PrunableStore, find_entry, list_files

PART = ".part"

KEPT = "what has arrived is kept; the next build goes on from there"


class Downloads(PrunableStore):
    """A folder of verified downloads.

    ::

        FOLDER/
        ├── SHA256        a whole file, under its own digest; its mtime is its last use
        ├── SHA256.part   what has arrived of one; the next download continues it
        └── .SHA256.lock  held while that file is downloaded
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({"download"})

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fetch(self, url: str, sha256: str, emit: Emit) -> Path:
        """The file behind an http(s) URL, verified; from the folder if it is there already.

        Raises HostError if the server cannot be reached or refuses, RequestError if the bytes are not those of
        `sha256`; wrong bytes are not kept.
        """
        done = self.folder / sha256
        if done.exists():
            with contextlib.suppress(OSError):
                os.utime(done)
            return done
        part = self.folder / f"{sha256}{PART}"
        waiting = Notice(f"another build is downloading {shown(url)}; waiting for it to end")
        with locks.held(self._lock(sha256), on_wait=lambda: emit(waiting)):
            if not done.exists():
                download(url, part, emit)
                verify(url, part, sha256)
                files.move(part, done)
        return done

    def _lock(self, sha256: str) -> Path:
        return self.folder / f".{sha256}.lock"

    def entries(self) -> Iterator[CacheEntry]:
        for path in list_files(self.folder, "[!.]*"):
            in_use = locks.is_held(self._lock(path.name.removesuffix(PART)))
            entry = find_entry(
                "download",
                path.name,
                (path,),
                title="the part of a download" if path.suffix == PART else "",
                in_use="a download under way" if in_use else None,
            )
            if entry:
                yield entry


def download(url: str, part: Path, emit: Emit) -> None:
    """Append to `part` what it lacks; start anew where the server cannot go on.

    Raises HostError; what has arrived by then stays.
    """
    have = part.stat().st_size if part.exists() else 0
    try:
        with http.open_client() as client, http.get(client, url, have, hint=KEPT) as stream:
            stream.save(part, emit)
    except FileMissing as error:
        raise HostError(f"cannot download {shown(url)}", details=str(error)) from error


def verify(url: str, part: Path, sha256: str) -> None:
    """Refuse, and remove, a download of other bytes. Raises RequestError."""
    found = digest.of_file(part)
    if found != sha256:
        part.unlink()
        raise RequestError(
            f"the download is not what the recipe names: {shown(url)}",
            details=f"sha256 in the recipe:   {sha256}\nsha256 of the download: {found}",
            hint="the file was replaced at its source, or the recipe's sha256 is wrong",
        )
