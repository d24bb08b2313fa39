"""What runs inside the folder appliance: a small guestfsd, which answers libguestfs's calls one by one.

It is started with the appliance's root as its own, and reads pickled requests from stdin. It imports
the standard library alone: the project is not in there.

Each call reaches the guest's files in the way of libguestfs 1.48. Most calls go into /sysroot with
chroot(2), so links stay inside. `find`, `rm_rf` and `ln_s` name files below /sysroot from outside,
so a link on the way leads to the appliance's own files: Guest must never let that happen.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import pickle
import select
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

SYSROOT = "/sysroot"
TREES = "/trees"
"""The folders that guests' disks are based on; read-only."""
DISKS = "/disks"
"""What was changed on each disk: DISKS/NUMBER/upper."""

LIMIT = 4 << 20
"""Bytes of the largest reply that libguestfs can send."""

libc = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """A call that libguestfs would refuse, with its words."""


# --- the guest's root ----------------------------------------------------------------------------

OWN_ROOT = os.open("/", os.O_RDONLY | os.O_DIRECTORY)


@contextmanager
def inside(path: str) -> Iterator[None]:
    """See the guest's files alone, by its own absolute paths."""
    if not path.startswith("/"):
        raise Refused(f"{path}: path must start with a / character")
    if not os.path.ismount(SYSROOT):
        raise Refused("you must call 'mount' first to mount the root filesystem")
    os.chroot(SYSROOT)
    os.chdir("/")
    try:
        yield
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    finally:
        os.fchdir(OWN_ROOT)
        os.chroot(".")


# --- disks ---------------------------------------------------------------------------------------

disks: dict[str, tuple[str, list[str]]] = {}
"""Device: its folder below DISKS, and the names of the trees that it is based on, the topmost first."""
mounted: list[str] = []


def plug(device: str, number: int, trees: list[str]) -> None:
    folder = f"{DISKS}/{number}"
    for name in ("upper", "work"):
        os.makedirs(f"{folder}/{name}")
    top = os.stat(f"{TREES}/{trees[0]}")
    os.chmod(f"{folder}/upper", stat.S_IMODE(top.st_mode))
    disks[device] = (folder, trees)


def unplug(device: str) -> None:
    folder, _ = disks.pop(device)
    shutil.rmtree(folder)


def mount_options(options: str, device: str, point: str) -> None:
    disk = device.rstrip("0123456789")
    if disk not in disks:
        raise Refused(f"{device}: No such file or directory")
    folder, trees = disks[disk]
    lower = ":".join(f"{TREES}/{name}" for name in trees)
    overlay = f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work"
    flags = 1 if options == "ro" else 0  # MS_RDONLY
    if libc.mount(b"overlay", (SYSROOT + point).encode(), b"overlay", flags, overlay.encode()) != 0:
        raise Refused(f"mount: {device}: {os.strerror(ctypes.get_errno())}")
    mounted.append(SYSROOT + point)


def umount_all() -> None:
    while mounted:
        if libc.umount2(mounted[-1].encode(), 0) != 0:
            raise Refused(f"umount: {mounted[-1]}: {os.strerror(ctypes.get_errno())}")
        mounted.pop()


def changes(device: str) -> dict[str, tuple[str, int, int, int, bytes]]:
    """What differs from the trees: kind (or "gone"), mode, owner and content or link by path."""
    folder, trees = disks[device]
    found = {}
    for path in below(f"{folder}/upper"):
        name = path.removeprefix(f"{folder}/upper")
        entry = look(path)
        before = next(
            (look(f"{TREES}/{tree}{name}") for tree in trees if os.path.lexists(f"{TREES}/{tree}{name}")), None
        )
        if entry != before:
            found[name or "/"] = entry
    return found


def below(folder: str) -> Iterator[str]:
    yield folder
    for each in sorted(os.scandir(folder), key=lambda each: each.name):
        if each.is_dir(follow_symlinks=False):
            yield from below(each.path)
        else:
            yield each.path


def look(path: str) -> tuple[str, int, int, int, bytes]:
    found = os.lstat(path)
    common = (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
    if stat.S_ISREG(found.st_mode):
        return "file", *common, Path(path).read_bytes()
    if stat.S_ISLNK(found.st_mode):
        return "link", *common, os.readlink(os.fsencode(path))
    if stat.S_ISDIR(found.st_mode):
        return "folder", *common, b""
    # How overlayfs says that something was removed.
    return "gone" if stat.S_ISCHR(found.st_mode) and found.st_rdev == 0 else "other", *common, b""


# --- the output port -----------------------------------------------------------------------------


class Port:
    """Carries what commands write to it to a file of the host's, in order, whoever opens it however often."""

    def __init__(self, path: str, output: int) -> None:
        os.mkfifo(path)
        self._end = os.open(path, os.O_RDWR)
        self._output = output
        self._lock = threading.Lock()
        threading.Thread(target=self._carry, daemon=True).start()

    def _carry(self) -> None:
        while True:
            select.select([self._end], [], [])
            self._carry_some()

    def _carry_some(self) -> bool:
        """Returns whether there was anything left."""
        with self._lock:
            if not select.select([self._end], [], [], 0)[0]:
                return False
            os.write(self._output, os.read(self._end, 1 << 16))
            return True

    def drain(self) -> None:
        """Return when all that was written has arrived."""
        while self._carry_some():
            pass


# --- libguestfs's calls --------------------------------------------------------------------------


def pread(path: str, count: int, offset: int) -> bytes:
    with inside(path):
        file = os.open(path, os.O_RDONLY)
        try:
            return os.pread(file, min(count, LIMIT), offset)
        finally:
            os.close(file)


def _write(path: str, content: bytes, flags: int) -> None:
    with inside(path):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOCTTY | flags, 0o666)
        with os.fdopen(file, "wb") as stream:
            stream.write(content)


def write(path: str, content: bytes) -> None:
    _write(path, content, os.O_TRUNC)


def write_append(path: str, content: bytes) -> None:
    _write(path, content, os.O_APPEND)


upload = write


def debug_upload(path: str, content: bytes, mode: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)


def _mode(path: str, follow: bool) -> int:
    """0 where there is nothing."""
    with inside(path):
        try:
            return (os.stat if follow else os.lstat)(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return 0


def is_file_opts(path: str, follow: bool = False) -> bool:
    return stat.S_ISREG(_mode(path, follow))


def is_dir_opts(path: str, follow: bool = False) -> bool:
    return stat.S_ISDIR(_mode(path, follow))


def lstatns(path: str) -> dict[str, int]:
    with inside(path):
        found = os.lstat(path)
    return {name: getattr(found, name) for name in ("st_mode", "st_uid", "st_gid", "st_size")}


def ls(path: str) -> list[str]:
    with inside(path):
        return [name.decode() for name in sorted(os.listdir(os.fsencode(path)))]


class _Glob(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_size_t),
        ("paths", ctypes.POINTER(ctypes.c_char_p)),
        ("offset", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("functions", ctypes.c_void_p * 5),
    )


GLOB_MARK, GLOB_BRACE, GLOB_NOMATCH = 1 << 1, 1 << 10, 3


def glob_expand_opts(pattern: str, slash: bool = True) -> list[str]:
    found = _Glob()
    with inside(pattern):
        flags = GLOB_BRACE | (GLOB_MARK if slash else 0)
        status = libc.glob(pattern.encode(), flags, None, ctypes.byref(found))
        if status not in (0, GLOB_NOMATCH):
            raise Refused(f"{pattern}: glob failed")
        names = [found.paths[number] or b"" for number in range(found.count)]
    libc.globfree(ctypes.byref(found))
    return [name.decode() for name in names]


def find(folder: str) -> list[str]:
    if "\n" in folder:  # it quotes the name for a shell by a backslash, which hides a line break
        raise Refused("file receive cancelled by daemon")
    outer = SYSROOT + folder
    if not os.path.isdir(outer):
        raise Refused(f"{folder}: Not a directory")
    names = subprocess.run(["find", outer, "-print0"], check=True, capture_output=True).stdout.split(b"\0")
    return sorted(name.decode().removeprefix(outer).lstrip("/") for name in names[1:-1])


def rm_rf(path: str) -> None:
    if path == "/":
        raise Refused("cannot remove root directory")
    _command("rm", "-rf", SYSROOT + path)


def ln_s(target: str, path: str) -> None:
    _command("ln", "-s", "--", target, SYSROOT + path)


def tar_in(content: bytes, folder: str) -> None:
    _command("tar", "-C", SYSROOT + folder, "-xf", "-", given=content)


def _command(*command: str, given: bytes = b"") -> None:
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    if done.returncode:
        raise Refused(done.stderr.decode(errors="replace").strip())


def rm(path: str) -> None:
    with inside(path):
        os.unlink(path)


def mkdir_p(path: str) -> None:
    with inside(path):
        _mkdir_p(path)


def _mkdir_p(path: str) -> None:
    try:
        os.mkdir(path)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise Refused(f"{path}: a path element was not a directory") from None
    except FileNotFoundError:
        _mkdir_p(os.path.dirname(path))
        os.mkdir(path)


def chmod(mode: int, path: str) -> None:
    with inside(path):
        os.chmod(path, mode)


def lchown(uid: int, gid: int, path: str) -> None:
    with inside(path):
        os.lchown(path, uid, gid)


def readlink(path: str) -> str:
    with inside(path):
        return os.readlink(os.fsencode(path)).decode()


def realpath(path: str) -> str:
    with inside(path):
        return os.path.realpath(path, strict=True)


def truncate(path: str) -> None:
    with inside(path):
        file = os.open(path, os.O_WRONLY | os.O_NOCTTY)
        os.ftruncate(file, 0)
        os.close(file)


def touch(path: str) -> None:
    with inside(path):
        if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
            raise Refused(f"{path}: touch can only be used on a regular files")
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOCTTY, 0o666)
        os.utime(file)
        os.close(file)


def checksum(kind: str, path: str) -> str:
    with inside(path), open(path, "rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()


def debug(how: str, arguments: list[str]) -> str:
    if how != "sh":
        raise Refused(f"debug {how}: unknown")
    shell = ["/bin/sh", "-c", *arguments]
    done = subprocess.run(
        shell, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    port.drain()
    printed = done.stdout.rstrip(b"\n")
    if done.returncode:
        raise Refused(printed.decode(errors="replace"))
    return printed.decode()


def sync() -> None:
    os.sync()


CALLS: dict[str, Callable[..., Any]] = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", None) == __name__ and not name.startswith("_")
}


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer each request, (name, arguments), with (whether it was done, the result or the reason)."""
    while True:
        try:
            name, arguments = pickle.load(requests)
        except EOFError:
            return
        try:
            if name not in CALLS:
                raise Refused("the folder appliance does not know this call")
            answer = (True, CALLS[name](*arguments))
        except Refused as error:
            answer = (False, f"{name}: {error}")
        except (OSError, UnicodeError) as error:
            answer = (False, error if isinstance(error, UnicodeError) else f"{name}: {error}")
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    os.umask(0o022)
    port = Port("/dev/golden-output-port", int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
