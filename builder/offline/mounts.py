"""What golden has mounted on folders of this host, and the processes that serve it.

The mount table names the process of each (`golden-PID`), so there is no list to keep in step with it.
Who unmounts waits at a socket of that process for its last word.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from contextlib import suppress
from pathlib import Path

from builder import process
from builder.errors import CommandError, HostError, InUseError, RequestError

TABLE = Path("/proc/self/mountinfo")
"""See proc(5): the mount point is the fifth field, and the source the second after a lone dash."""

DONE = "done"


def source() -> str:
    """What the mount table says of what this process mounts."""
    return f"golden-{os.getpid()}"


def find_server(folder: Path) -> int | None:
    """The id of the process that serves what is mounted on a folder; None where nothing of golden's is."""
    found = None
    for line in TABLE.read_text(errors="surrogateescape").splitlines():
        fields, _, rest = line.partition(" - ")
        place = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields.split()[4])
        if place == os.path.realpath(folder):
            named = re.fullmatch(r"golden-(\d+)", rest.split()[1])
            found = int(named[1]) if named else None  # the last one lies on top
    return found


def umount(folder: Path) -> bool:
    """Unmount a folder, and wait until all is on the disk and the process that served it has ended.

    False where that process had died before. Raises RequestError where nothing of golden's is mounted
    there, InUseError where something uses it, and HostError where not all came to the disk.
    """
    server = find_server(folder)
    if server is None:
        raise RequestError(f"golden has mounted nothing on {folder}")
    waiting = _knock(server)
    if waiting is None:
        detach(folder, lazily=True)  # a dead mount is of no use to whoever is in it
        return False
    with waiting:
        detach(folder)
        word = _last_word(waiting)
    if word != DONE:
        raise HostError(
            f"not all that was written to {folder} is on the disk", details=word or "its process was killed"
        )
    return True


def detach(folder: Path, *, lazily: bool = False) -> None:
    """Take a mount away; `lazily`, as soon as nobody uses it any more. Raises InUseError and HostError."""
    tool = process.find_tool("fusermount", package="fuse3")
    try:
        process.run([tool, "-u", *(["-z"] if lazily else []), os.path.realpath(folder)], env={"LC_ALL": "C"})
    except CommandError as error:
        if "busy" in error.output:
            raise InUseError(
                f"{folder} is in use", details=error.output, hint=f"end what uses it: fuser --mount {folder} names it"
            ) from error
        raise HostError(f"{folder} cannot be unmounted", details=error.output) from error


class Waiters:
    """Those who wait for this process to be done with a disk. Their connections end when it does."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(_address(os.getpid()))
        self._socket.listen()

    def tell(self, word: str) -> None:
        """Give all of them a last word: DONE, or what went wrong."""
        self._socket.setblocking(False)
        while True:
            try:
                waiting, _ = self._socket.accept()
            except OSError:  # nobody more
                self._socket.close()
                return
            with suppress(OSError):  # who found the folder in use does not wait any more
                waiting.sendall(word.encode())
            waiting.detach()  # to be closed by the kernel, when this process has ended


def _address(pid: int) -> str:
    """A socket with a name and no file: it is gone with its process."""
    return f"\0golden-mount-{pid}"


def _knock(pid: int) -> socket.socket | None:
    """A connection to the process that serves a mount; None where it is no more."""
    waiting = socket.socket(socket.AF_UNIX)
    try:
        waiting.connect(_address(pid))
    except OSError:
        waiting.close()
        return None
    # Anybody may listen by that name.
    listener, _, _ = struct.unpack("iII", waiting.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if listener != pid:
        waiting.close()
        return None
    return waiting


def _last_word(waiting: socket.socket) -> str:
    """What it says at its end; empty where it was killed."""
    said = b""
    with suppress(OSError):
        while piece := waiting.recv(4096):
            said += piece
    return said.decode(errors="replace")
