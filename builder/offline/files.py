"""Looking at the files of a guest: their names, and what is in them."""

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
"""What find(1) is asked of each file: name, type, mode, owner, group, size, time of change, what a link says."""

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
    """One line of `ls -l`: the mode with the file's type in it, owners by the guest's own names, size in bytes.

    `target` is what a link says.
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
    """A text with marks where it is none."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def absolute(path: str) -> str:
    """A guest's path as it was typed; one that does not begin with a slash does so in thought.

    Raises RequestError for one that libguestfs could not be told.
    """
    if utf8(path) != path:
        raise RequestError(f"not UTF-8: {utf8(path)}", hint="name its folder, with copy-out")
    return posixpath.join("/", path)


def want(guest: Guest, path: str) -> Stat:
    """What is at a path, links not followed. Raises RequestError where there is nothing."""
    found = guest.find_stat(path)
    if found is None:
        raise RequestError(f"the guest has no {path}")
    return found


def want_file(guest: Guest, path: str) -> None:
    """Raise RequestError for what is neither a file nor a link to one."""
    want(guest, path)
    if not guest.is_file(path):
        raise RequestError(f"{path} is {'a folder' if guest.is_folder(path) else 'not a file'} in the guest")


def want_folder(guest: Guest, path: str) -> None:
    """Raise RequestError for what is neither a folder nor a link to one."""
    want(guest, path)
    if not guest.is_folder(path):
        raise RequestError(f"{path} is no folder in the guest")


def listing(guest: Guest, path: str) -> list[FileListing]:
    """What is in a folder, by name; the path itself where it is something else. Raises RequestError."""
    want(guest, path)
    users = {int(user[2]): name for name, user in database(guest, "/etc/passwd").items()}
    groups = {int(group[2]): name for name, group in database(guest, "/etc/group").items()}
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
            for name, kind, mode, uid, gid, size, modified, target in find(guest, path)
        ),
        key=lambda each: each.name,
    )


def find(guest: Guest, path: str) -> Iterator[tuple[str, ...]]:
    """The FIELDS of each name in a folder, or of the path itself."""
    # libguestfs's Python knows no names but those in UTF-8. Its paths have no link on the way: the
    # appliance would follow one to files of its own.
    if guest.is_folder(path):
        place, depth = guest.resolve(path), "-mindepth 1 -maxdepth 1"
    else:
        folder, name = posixpath.split(path)
        place, depth = posixpath.join(guest.resolve(folder), name), "-maxdepth 0"
    said = guest.appliance.shell_output(f"find {shlex.quote(ROOT + place)} {depth} -printf '{FIELDS}'")
    words = said.decode(errors="surrogateescape").split("\0")
    for start in range(0, len(words) - 1, WIDTH):
        name, *rest = words[start : start + WIDTH]
        yield (name if "-mindepth" in depth else path, *rest)


def database(guest: Guest, path: str) -> Mapping[str, list[str]]:
    """The guest's users or groups whose lines are whole; none where it has no such file."""
    if not guest.is_file(path):
        return {}
    entries = guest.users() if path == "/etc/passwd" else guest.groups()
    return {name: entry for name, entry in entries.items() if len(entry) > 2 and entry[2].isdigit()}


def contents(guest: Guest, path: str) -> Iterator[bytes]:
    """The bytes of a file, piece by piece. Raises RequestError."""
    want_file(guest, path)
    return guest.read_chunks(path)
