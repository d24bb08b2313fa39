"""Looking at the files of a guest: their names, and what is in them."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from builder.errors import RequestError
from builder.guest.guest import Guest, Stat

NAMES = 1000
"""Inodes asked for at once: a reply of the appliance holds at most 4 MiB."""


@dataclass(frozen=True, slots=True)
class Listed:
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
            "name": self.name,
            "mode": stat.filemode(self.mode),
            "owner": self.owner,
            "group": self.group,
            "size": self.size,
            "modified": self.modified.isoformat(),
        }
        return found | ({"target": self.target} if stat.S_ISLNK(self.mode) else {})


def absolute(path: str) -> str:
    """A guest's path as it was typed; one that does not begin with a slash does so in thought."""
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


def names(guest: Guest, path: str) -> list[str]:
    """The names in a folder, sorted; the path itself where it is something else. Raises RequestError."""
    want(guest, path)
    return guest.ls(path) if guest.is_folder(path) else [path]


def listing(guest: Guest, path: str) -> list[Listed]:
    """What `names` gives, with all that there is to tell of each. Raises RequestError."""
    found = names(guest, path)
    folder = path if guest.is_folder(path) else ""
    users = {int(user[2]): name for name, user in database(guest, "/etc/passwd").items()}
    groups = {int(group[2]): name for name, group in database(guest, "/etc/group").items()}
    return [
        Listed(
            name=name,
            mode=raw["st_mode"],
            owner=users.get(raw["st_uid"], str(raw["st_uid"])),
            group=groups.get(raw["st_gid"], str(raw["st_gid"])),
            size=raw["st_size"],
            modified=datetime.fromtimestamp(raw["st_mtime_sec"], UTC),
            target=guest.read_link(posixpath.join(folder, name)) if stat.S_ISLNK(raw["st_mode"]) else "",
        )
        for name, raw in (inodes(guest, folder, found) if folder else [(path, guest.call("lstatns", path))])
    ]


def database(guest: Guest, path: str) -> Mapping[str, list[str]]:
    """The guest's users or groups whose lines are whole; none where it has no such file."""
    if not guest.is_file(path):
        return {}
    entries = guest.users() if path == "/etc/passwd" else guest.groups()
    return {name: entry for name, entry in entries.items() if len(entry) > 2 and entry[2].isdigit()}


def inodes(guest: Guest, folder: str, found: list[str]) -> Iterator[tuple[str, dict[str, int]]]:
    """The names in a folder that are there, each with its inode."""
    for start in range(0, len(found), NAMES):
        some = found[start : start + NAMES]
        for name, raw in zip(some, guest.call("lstatnslist", folder, some), strict=True):
            if raw["st_ino"] != -1:  # which libguestfs says of what has gone
                yield name, raw


def contents(guest: Guest, path: str) -> Iterator[bytes]:
    """The bytes of a file, piece by piece. Raises RequestError."""
    want_file(guest, path)
    return guest.read_pieces(path)
