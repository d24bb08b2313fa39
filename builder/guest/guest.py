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
"""The path of an archive in the guest while it is unpacked."""

FREEZABLE = frozenset({"ext2", "ext3", "ext4", "xfs"})
"""File systems that can be frozen one by one. btrfs is missing: its subvolumes freeze together."""

REMOUNTABLE = frozenset({"vfat"})
"""File systems that cannot be frozen, but can be remounted read-only instead: that of the ESP."""


@dataclass(frozen=True, slots=True)
class Stat:
    """A file's inode: kind, permission bits, numeric owner and group, size in bytes. Links are not followed."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int


class Guest:
    """The file systems of one disk, mounted in an appliance.

    All paths are absolute paths in the guest. Symbolic links resolve inside the guest's root and never reach the
    host. If libguestfs refuses a call, every method raises a GuestError that names the path.
    """

    def __init__(
        self,
        appliance: Appliance,
        device: str,
        info: GuestInfo,
        emit: Emit = silent,
        supplies: Supplies | None = None,
    ) -> None:
        """`device` is the plugged disk. Call `mount` before you use the guest."""
        self.appliance = appliance
        self.device = device
        self.info = info
        self.emit = emit
        self.index: dict[str, str] | None = None
        """The digests of the repositories' indexes by URL; None until fetched, and again after `forget_index`."""
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
        """Kill what still runs in the guest, and unmount everything."""
        self.leave_chroot()
        self.call("umount_all")
        self._activate(False)

    @property
    def volume_groups(self) -> list[str]:
        """The LVM volume groups that hold the guest's file systems."""
        # A volume is /dev/GROUP/NAME; a subvolume of btrfs is btrfsvol:DEVICE/NAME.
        volumes = [device.split("/") for device in self.info.mounts.values() if device.startswith("/dev/")]
        return sorted({volume[2] for volume in volumes if len(volume) == 4})

    def _activate(self, on: bool) -> None:
        """Activate or deactivate the guest's volume groups: a disk with active ones cannot be unplugged."""
        if self.volume_groups:
            self.call("vg_activate", on, self.volume_groups)

    def leave_chroot(self) -> None:
        """Unmount the /dev, /proc, /sys and /run that commands see, so that only the guest's own files are visible.

        Also kills what still runs in the guest.
        """
        self._chroot.leave()

    def freeze(self) -> None:
        """Write everything to the disk and stop further writes, for a checkpoint.

        File systems are frozen if they and the appliance support that, because their caches then stay in memory.
        Otherwise they are unmounted. Do not use the guest until `thaw`.
        """
        if self._freezes:
            self.leave_chroot()
            self.appliance.shell(" && ".join(self._freeze_command(point) for point in self._points))
        else:
            self.unmount()

    def thaw(self) -> None:
        """Allow writes again after `freeze`."""
        if self._freezes:
            self.appliance.shell(" && ".join(self._thaw_command(point) for point in reversed(self._points)))
        else:
            self.mount()

    @property
    def _freezes(self) -> bool:
        """Whether the appliance and all file systems can be frozen while they are mounted."""
        return self.appliance.keeps_mounts and set(self._types.values()) <= FREEZABLE | REMOUNTABLE

    @functools.cached_property
    def _types(self) -> dict[str, str]:
        """The types of the file systems by mount point."""
        return self._find_types()

    def _find_types(self) -> dict[str, str]:
        mounts = self.info.mounts.items()
        return {point: self.call("vfs_type", device.replace(DISK, self.device)) for point, device in mounts}

    def _freeze_command(self, point: str) -> str:
        """The command that writes a file system to the disk and stops further writes."""
        return (
            f"mount -o remount,ro {ROOT}{point}" if self._types[point] in REMOUNTABLE else f"fsfreeze -f {ROOT}{point}"
        )

    def _thaw_command(self, point: str) -> str:
        return (
            f"mount -o remount,rw {ROOT}{point}" if self._types[point] in REMOUNTABLE else f"fsfreeze -u {ROOT}{point}"
        )

    @property
    def _points(self) -> list[str]:
        """The mount points, deepest first."""
        return sorted(self.info.mounts, key=len, reverse=True)

    def trim(self) -> None:
        """Discard the disk's unused blocks, so that neither layers nor the template hold deleted data."""
        for point in sorted(self.info.mounts):
            self.call("fstrim", point)

    # --- observations ------------------------------------------------------------------------

    def observe(self, seen: dict[str, str]) -> None:
        """Record what a step saw upstream: the digest (`digest_index`) of each index by its URL."""
        self._observations.update(seen)

    def take_observations(self) -> dict[str, str]:
        """Return and forget the recorded observations."""
        observations, self._observations = self._observations, {}
        return observations

    # --- supplies ----------------------------------------------------------------------------

    def package_cache(self, manager: str) -> str | None:
        """A folder for a package manager's downloads that later builds see again; None if there is none."""
        folder = self._supplies.package_cache(self.appliance, self.info, self.emit)
        if folder is None:
            return None
        path = f"{self._chroot.expose(folder)}/{manager}"
        self.mkdir(path)
        return path

    @property
    def has_media(self) -> bool:
        """Whether packages come only from the recipe's media."""
        return bool(self._supplies.media)

    def media(self) -> list[str]:
        """The folders with the recipe's media. Raises HostError if one cannot be mounted."""
        return [self._chroot.expose(folder) for folder in self._supplies.open_media(self.appliance)]

    @property
    def media_files(self) -> tuple[Path, ...]:
        """The ISO images and folders on the host that `media` mounts, in the same order."""
        return self._supplies.media

    # --- commands ----------------------------------------------------------------------------

    def run(self, command: str, *, quiet: bool = False, hint: str | None = None) -> str:
        """Run a shell command in the guest, as root in /. Return its stdout and stderr together.

        Emits each line while the command runs, unless `quiet` (for queries, whose output belongs in no log; it then
        returns stdout alone). Raises CommandError if the command exits non-zero.
        """
        with self._following(silent if quiet else self.emit) as output:
            status, text = self._chroot.run(command, quiet=quiet)
            if text:  # only if the appliance has no output port
                output.feed(text.encode())
        if status != 0:
            raise CommandError(command, status, output.text, place=" in the guest", hint=hint)
        return output.text

    def query(self, command: str) -> str:
        """Run a command quietly, and return its stdout without white space at both ends."""
        return self.run(command, quiet=True).strip()

    @contextmanager
    def _following(self, emit: Emit) -> Iterator[_CommandOutput]:
        """Collect and emit what commands write to the appliance's output port."""
        output = _CommandOutput(lambda line: emit(OutputLine(line)))
        file = self.appliance.output_file if self.appliance.output_port else None
        if file is None:
            yield output
            output.end()
            return
        stopped = threading.Event()
        with file.open("rb") as stream:
            stream.seek(0, 2)

            def follow() -> None:
                while not stopped.wait(0.05):
                    output.feed(stream.read())

            follower = threading.Thread(target=follow, name="guest-output", daemon=True)
            follower.start()
            try:
                yield output
            finally:
                stopped.set()
                follower.join()
                output.feed(stream.read())
                output.end()

    # --- files -------------------------------------------------------------------------------

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a libguestfs function by name. Raises a GuestError that names the call."""
        try:
            return getattr(self.appliance.handle, name)(*arguments)
        except RuntimeError as error:
            if not self.appliance.alive:
                raise appliance_died(error) from error
            shown = ", ".join(str(argument)[:80] for argument in arguments[:2])
            raise GuestError(f"{name.replace('_', '-')} failed in the guest: {shown}", details=str(error)) from error

    def read(self, path: str) -> str:
        """Return the text of a file."""
        return self.read_bytes(path).decode(errors="surrogateescape")

    def read_bytes(self, path: str) -> bytes:
        return b"".join(self.read_chunks(path))

    def read_chunks(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of a file of any size, in chunks."""
        # pread needs one message and about 1 ms; read_file starts a transfer that takes half a second.
        offset = 0
        while chunk := bytes(self.call("pread", path, CHUNK, offset)):
            yield chunk
            offset += len(chunk)
            if len(chunk) < CHUNK:
                return

    def write(self, path: str, content: str | bytes, *, mode: int | None = None, owner: str | None = None) -> None:
        """Write a whole file, and create its parent folders. An existing file keeps its mode and owner unless given.

        `owner` is `user` or `user:group`, by names of the guest or numbers.
        """
        self.mkdir(posixpath.dirname(path))
        data = content.encode(errors="surrogateescape") if isinstance(content, str) else content
        self.call("write", path, data[:CHUNK])
        for start in range(CHUNK, len(data), CHUNK):
            self.call("write_append", path, data[start : start + CHUNK])
        if owner is not None:
            self.chown(path, owner)
        if mode is not None:  # last, because chown clears set-user-ID bits
            self.chmod(path, mode)

    def upload(self, source: Path, path: str) -> None:
        """Copy a file of the host, of any size, into the guest. The source may be a pipe."""
        self.call("upload", str(source), path)

    def unpack(self, archive: Path, folder: str) -> None:
        """Unpack an uncompressed tar archive, a file or a pipe, in a folder of the guest. Creates the folder.

        Owners are taken by number. If the guest has a link to a folder where the archive has a folder, the link stays
        and is followed. Raises GuestError or CommandError.
        """
        # The appliance's own tar would follow the guest's absolute links to files of the appliance.
        if not self.exists("/bin/tar"):
            raise GuestError("the guest has no tar", hint="add `install: [tar]` as an earlier step")
        self.mkdir(folder)
        try:
            self.upload(archive, _ARCHIVE)
            options = ("--numeric-owner", "--keep-directory-symlink", f"--directory={folder}", f"--file={_ARCHIVE}")
            self.run(shlex.join(["tar", "--extract", *options]), quiet=True)
        finally:
            self.remove(_ARCHIVE)

    def exists(self, path: str) -> bool:
        """Whether the path exists, even as a dangling link."""
        return self.find_stat(path) is not None

    def is_file(self, path: str) -> bool:
        """Whether the path is a regular file or a link to one."""
        return bool(self.call("is_file_opts", path, True)) if self.exists(path) else False

    def is_folder(self, path: str) -> bool:
        """Whether the path is a folder or a link to one."""
        return bool(self.call("is_dir_opts", path, True)) if self.exists(path) else False

    def find_stat(self, path: str) -> Stat | None:
        """The inode of a path, without following links; None if the path does not exist."""
        try:
            raw = self.appliance.handle.lstatns(path)
        except RuntimeError as error:
            # The binding does not report errno, but the appliance's messages are always in English.
            if str(error).endswith(("No such file or directory", "Not a directory")):
                return None
            if not self.appliance.alive:
                raise appliance_died(error) from error
            raise GuestError(f"cannot read the inode of {path} in the guest", details=str(error)) from error
        kinds: dict[int, Kind] = {0o100000: "file", 0o040000: "folder", 0o120000: "link"}
        return Stat(
            kind=kinds.get(raw["st_mode"] & 0o170000, "other"),
            mode=raw["st_mode"] & 0o7777,
            uid=raw["st_uid"],
            gid=raw["st_gid"],
            size=raw["st_size"],
        )

    def stat(self, path: str) -> Stat:
        """The inode of a path, without following links. Raises GuestError if the path does not exist."""
        stat = self.find_stat(path)
        if stat is None:
            raise GuestError(f"the guest has no {path}")
        return stat

    def destination(self, path: str, name: str) -> str:
        """The path of a file `name` copied to `path`: inside it if `path` is a folder or ends in a slash."""
        return f"{path.rstrip('/')}/{name}" if path.endswith("/") or self.is_folder(path) else path

    def ls(self, path: str) -> list[str]:
        """The names in a folder, sorted; empty if there is no such folder."""
        return sorted(self.call("ls", path)) if self.is_folder(path) else []

    def glob(self, *patterns: str) -> list[str]:
        """The paths that match any of the shell patterns, sorted. A link that matches is not followed."""
        return sorted({path for pattern in patterns for path in self.call("glob_expand_opts", pattern, False)})

    def find(self, folder: str) -> list[str]:
        """All paths below a folder, absolute and sorted; empty if there is no such folder."""
        if not self.is_folder(folder):
            return []
        names = self.call("find", self.resolve(folder))  # libguestfs may put a slash before each name
        return sorted(posixpath.join(folder, name.lstrip("/")) for name in names)

    def remove(self, *paths: str) -> None:
        """Remove files, links and whole folders. Missing ones are ignored."""
        for path in paths:
            # rm runs in the appliance: an absolute link in the path would lead it to files of the appliance.
            if self.exists(path):
                self.call("rm_rf", self._real(path))

    def _real(self, path: str) -> str:
        """Resolve the links in a path, except the last component. Raises GuestError if the folder does not exist."""
        folder, name = posixpath.split(path)
        if not self.is_folder(folder):
            raise GuestError(f"the guest has no folder {folder}")
        return posixpath.join(self.resolve(folder), name)

    def mkdir(self, path: str, mode: int = 0o755) -> None:
        """Create a folder and its parents."""
        if not self.is_folder(path):  # mkdir_p refuses a link to a folder
            self.call("mkdir_p", path)
        if mode != 0o755:
            self.chmod(path, mode)

    def link(self, target: str, path: str) -> None:
        """Make `path` a symbolic link to `target`. An existing file or link is replaced."""
        if self.exists(path):
            self.call("rm", path)
        self.call("ln_s", target, self._real(path))  # ln runs in the appliance, like rm

    def read_link(self, path: str) -> str:
        """The target of a symbolic link, unresolved."""
        return str(self.call("readlink", path))

    def resolve(self, path: str) -> str:
        """Resolve all links in a path. Return it unchanged if it does not exist."""
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
        """Change the owner to `user` or `user:group`, by names of the guest or numbers. Does not follow a link."""
        self.call("lchown", *self.owner_ids(owner), path)

    def owner_ids(self, owner: str) -> tuple[int, int]:
        """The numeric user and group of `user` or `user:group`. Without a group, it is the user's primary group."""
        user, _, group = owner.partition(":")
        uid = self._id("/etc/passwd", user)
        return uid, self._id("/etc/group", group) if group else self._group_of(user)

    def users(self) -> dict[str, list[str]]:
        """The fields of /etc/passwd (name, x, uid, gid, gecos, home, shell) by user name."""
        return self._database("/etc/passwd")

    def groups(self) -> dict[str, list[str]]:
        """The fields of /etc/group (name, x, gid, comma-separated members) by group name."""
        return self._database("/etc/group")

    def _database(self, path: str) -> dict[str, list[str]]:
        entries = (line.split(":") for line in self.read(path).splitlines() if ":" in line)
        return {entry[0]: entry for entry in entries}

    def _id(self, database: str, name: str) -> int:
        if name.isdigit():
            return int(name)
        entry = self._database(database).get(name)
        if entry is None:
            kind = "user" if database == "/etc/passwd" else "group"
            raise GuestError(
                f"the guest has no {kind} {name}", hint=f"correct the name, or create the {kind} in an earlier step"
            )
        return int(entry[2])

    def _group_of(self, user: str) -> int:
        entry = self.users().get(user)
        return int(entry[3]) if entry else int(user)


class _CommandOutput:
    """Splits a command's output into lines. If carriage returns rewrite a line, only its last text counts."""

    def __init__(self, emit_line: Callable[[str], None]) -> None:
        self._emit_line = emit_line
        self._incomplete = b""
        self._lines: list[str] = []

    def feed(self, data: bytes) -> None:
        *complete, self._incomplete = (self._incomplete + data).split(b"\n")
        for raw in complete:
            self._add(raw)

    def end(self) -> None:
        """Add the last line, if it has no line break."""
        if self._incomplete:
            self._add(self._incomplete)
            self._incomplete = b""

    def _add(self, raw: bytes) -> None:
        line = raw.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")
        self._lines.append(line)
        self._emit_line(line)

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)
