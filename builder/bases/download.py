"""Downloads that can resume, and that golden uses only once they are verified."""

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

RESUME_HINT = "build again to resume: the part that arrived is kept"


class Downloads(PrunableStore):
    """A folder of verified downloads.

    ::

        FOLDER/
        ├── SHA256        a complete file, named after its digest; its mtime is its last use
        ├── SHA256.part   the part of a file that arrived; the next download resumes it
        └── .SHA256.lock  held while that file is downloaded
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({"download"})

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fetch(self, url: str, sha256: str, emit: Emit) -> Path:
        """Download and verify the file at an http(s) URL, unless it is in the folder already; returns its path.

        Raises HostError if the server cannot be reached or refuses, and RequestError if the file does not match
        `sha256`; a wrong file is not kept.
        """
        done = self.folder / sha256
        if done.exists():
            with contextlib.suppress(OSError):
                os.utime(done)
            return done
        part = self.folder / f"{sha256}{PART}"
        waiting = Notice(f"waiting for another build that is downloading {shown(url)}")
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
                title="an unfinished download" if path.suffix == PART else "",
                in_use="a running download" if in_use else None,
            )
            if entry:
                yield entry


def download(url: str, part: Path, emit: Emit) -> None:
    """Append the missing bytes to `part`; start over if the server cannot resume.

    Raises HostError; the bytes that arrived are kept.
    """
    have = part.stat().st_size if part.exists() else 0
    try:
        with http.open_client() as client, http.get(client, url, have, hint=RESUME_HINT) as stream:
            stream.save(part, emit)
    except FileMissing as error:
        raise HostError(
            f"cannot download {shown(url)}", details=str(error), hint="check the URL, for example with `curl -I URL`"
        ) from error


def verify(url: str, part: Path, sha256: str) -> None:
    """Refuse and remove a download that does not match its digest. Raises RequestError."""
    found = digest.of_file(part)
    if found != sha256:
        part.unlink()
        raise RequestError(
            f"the download does not match the recipe's sha256: {shown(url)}",
            details=f"sha256 in the recipe:   {sha256}\nsha256 of the download: {found}",
            hint="check whether the file at that URL was replaced, and correct `sha256:` in the recipe",
        )
