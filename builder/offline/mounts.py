"""The folders of this host on which golden has mounted disks, and the processes that serve them.

The mount table names the process of each mount (`golden-PID`), so no separate list is needed.
`umount` waits at a socket of that process until it reports that it has finished.
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
"""See proc(5): the mount point is field 5; the source is the second field after the separator `-`."""

DONE = "done"


def source() -> str:
    """The source that the mount table shows for a mount of this process."""
    return f"golden-{os.getpid()}"


def find_server(folder: Path) -> int | None:
    """The id of the process that serves the mount on a folder; None if golden has mounted nothing there."""
    found = None
    for line in TABLE.read_text(errors="surrogateescape").splitlines():
        fields, _, rest = line.partition(" - ")
        place = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields.split()[4])
        if place == os.path.realpath(folder):
            named = re.fullmatch(r"golden-(\d+)", rest.split()[1])
            found = int(named[1]) if named else None  # the last mount is on top
    return found


def umount(folder: Path) -> bool:
    """Unmount a folder, and wait until all writes are on the disk and its process has ended.

    False if that process had already died. Raises RequestError if golden has mounted nothing there,
    InUseError if the folder is in use, and HostError if some writes did not reach the disk.
    """
    server = find_server(folder)
    if server is None:
        raise RequestError(f"golden has mounted no disk on {folder}")
    connection = _connect(server)
    if connection is None:
        detach(folder, lazily=True)  # a dead mount is useless to any process that still uses it
        return False
    with connection:
        detach(folder)
        outcome = _read_outcome(connection)
    if outcome != DONE:
        raise HostError(
            f"some writes to {folder} did not reach the disk",
            details=outcome or "the golden process that served it was killed",
        )
    return True


def detach(folder: Path, *, lazily: bool = False) -> None:
    """Unmount a folder; with `lazily`, as soon as nobody uses it. Raises InUseError and HostError."""
    tool = process.find_tool("fusermount", package="fuse3")
    try:
        process.run([tool, "-u", *(["-z"] if lazily else []), os.path.realpath(folder)], env={"LC_ALL": "C"})
    except CommandError as error:
        if "busy" in error.output:
            raise InUseError(
                f"{folder} is in use",
                details=error.output,
                hint=f"run `fuser --mount {folder}` to find the processes that use it",
            ) from error
        raise HostError(f"cannot unmount {folder}", details=error.output) from error


class Waiters:
    """The processes that wait until this process has finished with a disk. Their connections end with it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(_address(os.getpid()))
        self._socket.listen()

    def notify(self, outcome: str) -> None:
        """Send the outcome to all of them: DONE, or the error message."""
        self._socket.setblocking(False)
        while True:
            try:
                waiting, _ = self._socket.accept()
            except OSError:  # no more waiting processes
                self._socket.close()
                return
            with suppress(OSError):  # a process that found the folder in use no longer waits
                waiting.sendall(outcome.encode())
            waiting.detach()  # left open: the kernel closes it when this process has ended


def _address(pid: int) -> str:
    """An abstract socket address, without a file: it disappears with its process."""
    return f"\0golden-mount-{pid}"


def _connect(pid: int) -> socket.socket | None:
    """A connection to the process that serves a mount; None if that process has ended."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(_address(pid))
    except OSError:
        connection.close()
        return None
    # Any process could listen on that name.
    listener, _, _ = struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if listener != pid:
        connection.close()
        return None
    return connection


def _read_outcome(connection: socket.socket) -> str:
    """The outcome that the process reports when it finishes; empty if it was killed."""
    received = b""
    with suppress(OSError):
        while piece := connection.recv(4096):
            received += piece
    return received.decode(errors="replace")
