"""Downloads that resume and are never used unverified."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from builder import digest, files, locks
from builder.errors import HostError, RequestError
from builder.events import Emit, Notice
from builder.install_trees import http
from builder.install_trees.source import FileMissing
from builder.install_trees.url import shown

KEPT = "what has arrived is kept; the next build goes on from there"


def fetch(url: str, sha256: str, folder: Path, emit: Emit) -> Path:
    """The file behind an http(s) URL, verified; from `folder` if it is there already.

    An interrupted download leaves `SHA256.part`, from which the next one goes on. Raises HostError
    when the server cannot be reached or refuses, RequestError when the bytes are not those of
    `sha256`; the wrong bytes are not kept.
    """
    done = folder / sha256
    if done.exists():
        with contextlib.suppress(OSError):  # the time of its last use
            os.utime(done)
        return done
    part = folder / f"{sha256}.part"
    waiting = Notice(f"another build is downloading {shown(url)}; waiting for it to end")
    with locks.held(folder / f".{sha256}.lock", on_wait=lambda: emit(waiting)):
        if not done.exists():
            download(url, part, emit)
            verify(url, part, sha256)
            files.move(part, done)
    return done


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
