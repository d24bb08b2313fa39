"""Lists and reads the files of a guest."""

from __future__ import annotations

import posixpath
import shlex
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from builder.errors import RequestError
from builder.guest.chroot import ROOT
from builder.guest.guest import Guest, Stat

FIELDS = r"%f\0%y\0%m\0%U\0%G\0%s\0%T@\0%l\0"
"""What find(1) prints of each file: name, type, mode, owner, group, size, modification time, link target."""

WIDTH = FIELDS.count(r"\0")

TYPES = {
    "f": stat.S_IFREG,
    "d": stat.S_IFDIR,
    "l": stat.S_IFLNK,
    "b": stat.S_IFBLK,
    "c": stat.S_IFCHR,
    "p": stat.S_IFIFO,
    "s": stat.S_IFSOCK,
}


@dataclass(frozen=True, slots=True)
class FileListing:
    """One line of `ls -l`.

    `mode` includes the file type; `owner` and `group` are the guest's names, or numbers if it has none;
    `size` is in bytes; `target` is the target of a link.
    """

    name: str
    mode: int
    owner: str
    group: str
    size: int
    modified: datetime
    target: str = ""

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "name": utf8(self.name),
            "mode": stat.filemode(self.mode),
            "owner": self.owner,
            "group": self.group,
            "size": self.size,
            "modified": self.modified.isoformat(),
        }
        return found | ({"target": utf8(self.target)} if stat.S_ISLNK(self.mode) else {})


def utf8(text: str) -> str:
    """The text with replacement characters for bytes that are not UTF-8."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def absolute(path: str) -> str:
    """A guest path as the user typed it, with a leading slash added if it is missing.

    Raises RequestError for a path that is not UTF-8, which libguestfs does not accept.
    """
    if utf8(path) != path:
        raise RequestError(f"the path is not UTF-8: {utf8(path)}", hint="copy its whole folder with `golden copy-out`")
    return posixpath.join("/", path)


def require(guest: Guest, path: str) -> Stat:
    """The stat of a path, without following links. Raises RequestError if it does not exist."""
    found = guest.find_stat(path)
    if found is None:
        raise RequestError(f"the guest has no {path}")
    return found


def require_file(guest: Guest, path: str) -> None:
    """Raise RequestError unless a path is a file or a link to one."""
    require(guest, path)
    if not guest.is_file(path):
        raise RequestError(f"{path} is {'a folder' if guest.is_folder(path) else 'not a file'} in the guest")


def require_folder(guest: Guest, path: str) -> None:
    """Raise RequestError unless a path is a folder or a link to one."""
    require(guest, path)
    if not guest.is_folder(path):
        raise RequestError(f"{path} is not a folder in the guest")


def list_folder(guest: Guest, path: str) -> list[FileListing]:
    """The contents of a folder, sorted by name; for any other path, the path itself. Raises RequestError."""
    require(guest, path)
    users = {int(user[2]): name for name, user in read_database(guest, "/etc/passwd").items()}
    groups = {int(group[2]): name for name, group in read_database(guest, "/etc/group").items()}
    return sorted(
        (
            FileListing(
                name=name,
                mode=int(mode, 8) | TYPES[kind],
                owner=users.get(int(uid), uid),
                group=groups.get(int(gid), gid),
                size=int(size),
                modified=datetime.fromtimestamp(float(modified), UTC),
                target=target,
            )
            for name, kind, mode, uid, gid, size, modified, target in run_find(guest, path)
        ),
        key=lambda each: each.name,
    )


def run_find(guest: Guest, path: str) -> Iterator[tuple[str, ...]]:
    """The FIELDS of each name in a folder, or of a path that is not a folder."""
    # libguestfs's Python binding accepts only UTF-8 names, so find(1) runs in the appliance. Links on the
    # way are resolved first: the appliance would follow them into its own file system.
    if guest.is_folder(path):
        place, depth = guest.resolve(path), "-mindepth 1 -maxdepth 1"
    else:
        folder, name = posixpath.split(path)
        place, depth = posixpath.join(guest.resolve(folder), name), "-maxdepth 0"
    output = guest.appliance.shell_output(f"find {shlex.quote(ROOT + place)} {depth} -printf '{FIELDS}'")
    words = output.decode(errors="surrogateescape").split("\0")
    for start in range(0, len(words) - 1, WIDTH):
        name, *rest = words[start : start + WIDTH]
        yield (name if "-mindepth" in depth else path, *rest)


def read_database(guest: Guest, path: str) -> Mapping[str, list[str]]:
    """The guest's users or groups, without incomplete lines; empty if it has no such file."""
    if not guest.is_file(path):
        return {}
    entries = guest.users() if path == "/etc/passwd" else guest.groups()
    return {name: entry for name, entry in entries.items() if len(entry) > 2 and entry[2].isdigit()}


def read_file(guest: Guest, path: str) -> Iterator[bytes]:
    """The bytes of a file, in pieces. Raises RequestError if it is not a file."""
    require_file(guest, path)
    return guest.read_chunks(path)
