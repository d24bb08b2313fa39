"""A guest: the mounted file systems of an image under construction, as steps see them."""

from __future__ import annotations

import functools
import posixpath
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from builder.appliance.appliance import CHUNK, Appliance, appliance_died
from builder.errors import CommandError, GuestError
from builder.events import Emit, OutputLine, silent
from builder.guest.chroot import ROOT, Chroot
from builder.guest.info import DISK, GuestInfo
from builder.guest.supplies import Supplies

Kind = Literal["file", "folder", "link", "other"]


_ARCHIVE = "/.golden-archive"
"""Where an archive lies in the guest while it is unpacked."""

FREEZABLE = frozenset({"ext2", "ext3", "ext4", "xfs"})
"""File systems that can be frozen one by one; subvolumes of btrfs only together."""

SETTLED = frozenset({"vfat"})
"""File systems that cannot be frozen, but hold still while they are mounted read-only: the ESP's."""


@dataclass(frozen=True, slots=True)
class Stat:
    """One file's inode: permission bits, numeric owner and group, size in bytes. Links are not followed."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int


class Guest:
    """The file systems of one disk, mounted in an appliance.

    Paths are the guest's, absolute; symbolic links resolve inside the guest's root and never reach
    the host. Every method raises GuestError with the path in it when libguestfs refuses.
    """

    def __init__(
        self,
        appliance: Appliance,
        device: str,
        info: GuestInfo,
        emit: Emit = silent,
        supplies: Supplies | None = None,
    ) -> None:
        """`device` is the plugged disk. The guest is not mounted yet."""
        self.appliance = appliance
        self.device = device
        self.info = info
        self.emit = emit
        self.index: dict[str, str] | None = None
        """The repositories' indexes that this session fetched, URL to digest; None before, and when they changed."""
        self._observations: dict[str, str] = {}
        self._supplies = supplies or Supplies()
        self._chroot = Chroot(appliance, info)

    # --- mounting ----------------------------------------------------------------------------

    def mount(self, *, read_only: bool = False) -> None:
        """Mount every file system of the guest, parents first."""
        self._activate(True)
        for point, device in sorted(self.info.mounts.items(), key=lambda item: len(item[0])):
            options = "ro" if read_only else "discard"
            self.call("mount_options", options, device.replace(DISK, self.device), point)
        if not read_only:
            self._types = self._find_types()

    def unmount(self) -> None:
        """End what still runs in the guest, and unmount everything."""
        self.leave_chroot()
        self.call("umount_all")
        self._activate(False)

    @property
    def volume_groups(self) -> list[str]:
        """The LVM volume groups with the guest's file systems."""
        # A volume is /dev/GROUP/NAME; a subvolume of btrfs is btrfsvol:DEVICE/NAME.
        volumes = [device.split("/") for device in self.info.mounts.values() if device.startswith("/dev/")]
        return sorted({volume[2] for volume in volumes if len(volume) == 4})

    def _activate(self, on: bool) -> None:
        """Take the guest's volume groups into use, or out of it: a disk in use cannot be unplugged."""
        if self.volume_groups:
            self.call("vg_activate", on, self.volume_groups)

    def leave_chroot(self) -> None:
        """Show the guest's own files alone: commands see /dev, /proc, /sys and /run over them."""
        self._chroot.leave()

    def freeze(self) -> None:
        """Bring everything written to the disk and hold it still, for a checkpoint.

        Frozen rather than unmounted where appliance and file systems can: what is in memory stays there.
        Nothing of the guest may be touched until `thaw`.
        """
        if self._freezes:
            self.leave_chroot()
            self.appliance.shell(" && ".join(self._hold(point) for point in self._points))
        else:
            self.unmount()

    def thaw(self) -> None:
        """Go on after `freeze`."""
        if self._freezes:
            self.appliance.shell(" && ".join(self._let_go(point) for point in reversed(self._points)))
        else:
            self.mount()

    @property
    def _freezes(self) -> bool:
        """Whether appliance and file systems can hold still while they are mounted."""
        return self.appliance.keeps_mounts and set(self._types.values()) <= FREEZABLE | SETTLED

    @functools.cached_property
    def _types(self) -> dict[str, str]:
        """The types of the file systems, by mount point."""
        return self._find_types()

    def _find_types(self) -> dict[str, str]:
        mounts = self.info.mounts.items()
        return {point: self.call("vfs_type", device.replace(DISK, self.device)) for point, device in mounts}

    def _hold(self, point: str) -> str:
        """The command that brings a file system's writes to the disk, and lets no more begin."""
        return f"mount -o remount,ro {ROOT}{point}" if self._types[point] in SETTLED else f"fsfreeze -f {ROOT}{point}"

    def _let_go(self, point: str) -> str:
        return f"mount -o remount,rw {ROOT}{point}" if self._types[point] in SETTLED else f"fsfreeze -u {ROOT}{point}"

    @property
    def _points(self) -> list[str]:
        """The mount points, the deepest first."""
        return sorted(self.info.mounts, key=len, reverse=True)

    def trim(self) -> None:
        """Give the disk's unused blocks back, so that neither layers nor the template hold deleted data."""
        for point in sorted(self.info.mounts):
            self.call("fstrim", point)

    # --- observations ------------------------------------------------------------------------

    def observe(self, seen: dict[str, str]) -> None:
        """Note what a step saw upstream: the URL of each index, and its digest (`digest_index`)."""
        self._observations.update(seen)

    def take_observations(self) -> dict[str, str]:
        """What was noted since this was last asked."""
        taken, self._observations = self._observations, {}
        return taken

    # --- supplies ----------------------------------------------------------------------------

    def package_cache(self, manager: str) -> str | None:
        """A folder that lasts from build to build, for a package manager's downloads; None where there is none."""
        folder = self._supplies.package_cache(self.appliance, self.info, self.emit)
        if folder is None:
            return None
        path = f"{self._chroot.expose(folder)}/{manager}"
        self.mkdir(path)
        return path

    @property
    def has_media(self) -> bool:
        """Whether packages come from the recipe's media, and from nowhere else."""
        return bool(self._supplies.media)

    def media(self) -> list[str]:
        """The folders with the recipe's media. Raises HostError for one that cannot be mounted."""
        return [self._chroot.expose(folder) for folder in self._supplies.open_media(self.appliance)]

    # --- commands ----------------------------------------------------------------------------

    def run(self, command: str, *, quiet: bool = False, hint: str | None = None) -> str:
        """Run a shell command in the guest, as root in /, and return what it printed, stdout and stderr together.

        Its lines are heard as they come, unless `quiet` (for questions, whose answers belong in no
        log). Raises CommandError when it exits non-zero.
        """
        with self._listening(silent if quiet else self.emit) as printed:
            status, said = self._chroot.run(command, quiet=quiet)
            if said:  # there is no follower then
                printed.feed(said.encode())
        if status != 0:
            raise CommandError(command, status, printed.text, place=" in the guest", hint=hint)
        return printed.text

    def query(self, command: str) -> str:
        """Run a command for its answer alone: heard by nobody, stripped of white space at both ends."""
        return self.run(command, quiet=True).strip()

    @contextmanager
    def _listening(self, emit: Emit) -> Iterator[_Printed]:
        printed = _Printed(lambda line: emit(OutputLine(line)))
        file = self.appliance.output_file if self.appliance.output_port else None
        if file is None:
            yield printed
            printed.end()
            return
        over = threading.Event()
        with file.open("rb") as stream:
            stream.seek(0, 2)

            def follow() -> None:
                while not over.wait(0.05):
                    printed.feed(stream.read())

            follower = threading.Thread(target=follow, name="guest-output", daemon=True)
            follower.start()
            try:
                yield printed
            finally:
                over.set()
                follower.join()
                printed.feed(stream.read())
                printed.end()

    # --- files -------------------------------------------------------------------------------

    def call(self, name: str, *arguments: Any) -> Any:
        """Call libguestfs by name. Raises GuestError with the call in it."""
        try:
            return getattr(self.appliance.handle, name)(*arguments)
        except RuntimeError as error:
            if not self.appliance.alive:
                raise appliance_died(error) from error
            shown = ", ".join(str(argument)[:80] for argument in arguments[:2])
            raise GuestError(f"{name.replace('_', '-')} failed in the guest: {shown}", details=str(error)) from error

    def read(self, path: str) -> str:
        """A text file, whole."""
        return self.read_bytes(path).decode(errors="surrogateescape")

    def read_bytes(self, path: str) -> bytes:
        return b"".join(self.read_chunks(path))

    def read_chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file of any size, piece by piece."""
        # pread answers in one message, in about 1 ms; read_file starts a transfer that takes half a second.
        done = 0
        while piece := bytes(self.call("pread", path, CHUNK, done)):
            yield piece
            done += len(piece)
            if len(piece) < CHUNK:
                return

    def write(self, path: str, content: str | bytes, *, mode: int | None = None, owner: str | None = None) -> None:
        """Write a whole file, making its parent folders. Mode and owner of an existing file stay unless given.

        `owner` is `user` or `user:group`, by the guest's own names.
        """
        self.mkdir(posixpath.dirname(path))
        data = content.encode(errors="surrogateescape") if isinstance(content, str) else content
        self.call("write", path, data[:CHUNK])
        for start in range(CHUNK, len(data), CHUNK):
            self.call("write_append", path, data[start : start + CHUNK])
        if owner is not None:
            self.chown(path, owner)
        if mode is not None:  # last, because a new owner takes set-user-ID bits away
            self.chmod(path, mode)

    def upload(self, source: Path, path: str) -> None:
        """Copy a host's file of any size into the guest; of a pipe, what comes out of it."""
        self.call("upload", str(source), path)

    def unpack(self, archive: Path, folder: str) -> None:
        """Unpack a tar archive, uncompressed, file or pipe, in a folder of the guest, which is made where missing.

        Owners are taken by number. Where a folder of the archive is a link to one in the guest, the
        link stays and is followed. Raises GuestError or CommandError.
        """
        # The appliance has a tar, too, but would follow the guest's absolute links to files of its own.
        if not self.exists("/bin/tar"):
            raise GuestError("the guest has no tar", hint="install it in an earlier step: `install: [tar]`")
        self.mkdir(folder)
        try:
            self.upload(archive, _ARCHIVE)
            options = ("--numeric-owner", "--keep-directory-symlink", f"--directory={folder}", f"--file={_ARCHIVE}")
            self.run(shlex.join(["tar", "--extract", *options]), quiet=True)
        finally:
            self.remove(_ARCHIVE)

    def exists(self, path: str) -> bool:
        """Whether something has that name, be it a link that leads nowhere."""
        return self.find_stat(path) is not None

    def is_file(self, path: str) -> bool:
        """Whether it is a regular file, or a link to one."""
        return bool(self.call("is_file_opts", path, True)) if self.exists(path) else False

    def is_folder(self, path: str) -> bool:
        """Whether it is a folder, or a link to one."""
        return bool(self.call("is_dir_opts", path, True)) if self.exists(path) else False

    def find_stat(self, path: str) -> Stat | None:
        """The inode of a path, links not followed; None where there is nothing."""
        try:
            raw = self.appliance.handle.lstatns(path)
        except RuntimeError as error:
            # The binding keeps no errno; the appliance speaks English.
            if str(error).endswith(("No such file or directory", "Not a directory")):
                return None
            if not self.appliance.alive:
                raise appliance_died(error) from error
            raise GuestError(f"cannot look at {path} in the guest", details=str(error)) from error
        kinds: dict[int, Kind] = {0o100000: "file", 0o040000: "folder", 0o120000: "link"}
        return Stat(
            kind=kinds.get(raw["st_mode"] & 0o170000, "other"),
            mode=raw["st_mode"] & 0o7777,
            uid=raw["st_uid"],
            gid=raw["st_gid"],
            size=raw["st_size"],
        )

    def stat(self, path: str) -> Stat:
        """The inode of what is there, links not followed. Raises GuestError where there is nothing."""
        stat = self.find_stat(path)
        if stat is None:
            raise GuestError(f"the guest has no {path}")
        return stat

    def destination(self, path: str, name: str) -> str:
        """Where something called `name` ends up that is put at `path`: in it if it is a folder, or ends in a slash."""
        return f"{path.rstrip('/')}/{name}" if path.endswith("/") or self.is_folder(path) else path

    def ls(self, path: str) -> list[str]:
        """The names in a folder, sorted; empty where there is no such folder."""
        return sorted(self.call("ls", path)) if self.is_folder(path) else []

    def glob(self, *patterns: str) -> list[str]:
        """The paths that match any of the shell patterns, sorted; links are not followed at the end."""
        return sorted({path for pattern in patterns for path in self.call("glob_expand_opts", pattern, False)})

    def find(self, folder: str) -> list[str]:
        """Everything below a folder, as absolute paths, sorted; empty where there is no such folder."""
        if not self.is_folder(folder):
            return []
        names = self.call("find", self.resolve(folder))  # which libguestfs may give with a slash before each
        return sorted(posixpath.join(folder, name.lstrip("/")) for name in names)

    def remove(self, *paths: str) -> None:
        """Remove files, links and whole folders; what is not there is fine."""
        for path in paths:
            # The appliance's rm would follow an absolute link on the way to files of its own.
            if self.exists(path):
                self.call("rm_rf", self._real(path))

    def _real(self, path: str) -> str:
        """The path with no link on its way, though it may be one. Raises GuestError where its folder is missing."""
        folder, name = posixpath.split(path)
        if not self.is_folder(folder):
            raise GuestError(f"the guest has no folder {folder}")
        return posixpath.join(self.resolve(folder), name)

    def mkdir(self, path: str, mode: int = 0o755) -> None:
        """Make a folder with its parents."""
        if not self.is_folder(path):  # mkdir_p refuses a link to one
            self.call("mkdir_p", path)
        if mode != 0o755:
            self.chmod(path, mode)

    def link(self, target: str, path: str) -> None:
        """Make `path` a symbolic link to `target`, replacing a file or link that was there."""
        if self.exists(path):
            self.call("rm", path)
        self.call("ln_s", target, self._real(path))  # ln would follow links to the appliance's files, as rm does

    def read_link(self, path: str) -> str:
        """What a symbolic link says, unresolved."""
        return str(self.call("readlink", path))

    def resolve(self, path: str) -> str:
        """The path without links on its way; itself where there is nothing."""
        try:
            return str(self.appliance.handle.realpath(path))
        except RuntimeError as error:
            if not self.appliance.alive:
                raise appliance_died(error) from error
            return path

    def truncate(self, path: str) -> None:
        self.call("truncate", path)

    def chmod(self, path: str, mode: int) -> None:
        self.call("chmod", mode, path)

    def chown(self, path: str, owner: str) -> None:
        """Give a path to `user` or `user:group`; names are looked up in the guest, numbers stand for themselves."""
        self.call("lchown", *self.owner_ids(owner), path)

    def owner_ids(self, owner: str) -> tuple[int, int]:
        """The numbers of `user` or `user:group`, looked up in the guest; a user alone brings their own group."""
        user, _, group = owner.partition(":")
        uid = self._id("/etc/passwd", user)
        return uid, self._id("/etc/group", group) if group else self._group_of(user)

    def users(self) -> dict[str, list[str]]:
        """The fields of /etc/passwd (name, x, uid, gid, gecos, home, shell) by user name."""
        return self._database("/etc/passwd")

    def groups(self) -> dict[str, list[str]]:
        """The fields of /etc/group (name, x, gid, members with commas between) by group name."""
        return self._database("/etc/group")

    def _database(self, path: str) -> dict[str, list[str]]:
        entries = (line.split(":") for line in self.read(path).splitlines() if ":" in line)
        return {entry[0]: entry for entry in entries}

    def _id(self, database: str, name: str) -> int:
        if name.isdigit():
            return int(name)
        entry = self._database(database).get(name)
        if entry is None:
            raise GuestError(f"the guest has no {'user' if database == '/etc/passwd' else 'group'} {name}")
        return int(entry[2])

    def _group_of(self, user: str) -> int:
        entry = self.users().get(user)
        return int(entry[3]) if entry else int(user)


class _Printed:
    """Bytes as they come from a command, cut into lines; a line rewritten by carriage returns counts once."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        self._heard = heard
        self._rest = b""
        self._lines: list[str] = []

    def feed(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n")
        for raw in whole:
            self._line(raw)

    def end(self) -> None:
        if self._rest:
            self._line(self._rest)
            self._rest = b""

    def _line(self, raw: bytes) -> None:
        line = raw.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")
        self._lines.append(line)
        self._heard(line)

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)
