"""Downloads that resume and are never used unverified."""

from __future__ import annotations

import os
from pathlib import Path

import httpx

from builder import digest, files, locks
from builder.errors import HostError, RequestError
from builder.events import Emit, Notice, Output

TIMEOUT = httpx.Timeout(30.0)
"""Seconds without a byte after which a server counts as gone."""


def fetch(url: str, sha256: str, folder: Path, emit: Emit) -> Path:
    """The file behind an http(s) URL, verified; from `folder` if it is there already.

    An interrupted download leaves `SHA256.part`, from which the next one goes on. Raises HostError
    when the server cannot be reached or refuses, RequestError when the bytes are not those of
    `sha256`; the wrong bytes are not kept.
    """
    done = folder / sha256
    if done.exists():
        return done
    part = folder / f"{sha256}.part"
    waiting = Notice(f"another build is downloading {url}; waiting for it to end")
    with locks.held(folder / f".{sha256}.lock", on_wait=lambda: emit(waiting)):
        if not done.exists():
            download(url, part, emit)
            verify(url, part, sha256)
            files.move(part, done)
    return done


def download(url: str, part: Path, emit: Emit) -> None:
    """Complete `part`. Raises HostError; what has arrived by then stays."""
    try:
        receive(url, part, emit)
    except httpx.HTTPStatusError as error:
        response = error.response
        raise HostError(f"cannot download {url}", details=f"{response.status_code} {response.reason_phrase}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise HostError(
            f"cannot download {url}",
            details=str(error) or type(error).__name__,
            hint="what has arrived is kept; the next build goes on from there",
        ) from error


def verify(url: str, part: Path, sha256: str) -> None:
    """Refuse, and remove, a download of other bytes. Raises RequestError."""
    found = digest.of_file(part)
    if found != sha256:
        part.unlink()
        raise RequestError(
            f"the download is not what the recipe names: {url}",
            details=f"sha256 in the recipe:   {sha256}\nsha256 of the download: {found}",
            hint="the file was replaced at its source, or the recipe's sha256 is wrong",
        )


def receive(url: str, part: Path, emit: Emit) -> None:
    """Append to `part` what it lacks; start anew where the server cannot resume. Raises httpx.HTTPError."""
    have = part.stat().st_size if part.exists() else 0
    # Not compressed on the way: the digest, and every place to resume at, is of the file's own bytes.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with httpx.stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # all of it is here; the digest will tell
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        total = int(response.headers.get("Content-Length", 0)) + (have if resumed else 0)
        done = have if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            told = 0
            for chunk in response.iter_raw():
                file.write(chunk)
                done += len(chunk)
                if done - told >= 1 << 24:
                    told = done
                    emit(Output(f"{done >> 20} of {total >> 20} MiB" if total else f"{done >> 20} MiB"))
            file.flush()
            os.fsync(file.fileno())
