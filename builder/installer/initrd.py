"""Adds files to an initrd.

An initrd may be several cpio archives in a row, compressed or not; Linux unpacks them one after the other.
So appending an archive adds its files. An uncompressed archive must begin at a multiple of four bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from builder.errors import HostError
from builder.sizes import write_hint

FOLDER = 0o040755
FILE = 0o100644
TRAILER = "TRAILER!!!"


def inject(initrd: Path, added: Mapping[str, bytes], target: Path) -> None:
    """Write a copy of `initrd` with the added files, which are given by path, to `target`. Raises HostError."""
    try:
        shutil.copyfile(initrd, target)
        with target.open("ab") as file:
            file.write(bytes(-file.tell() % 4))
            file.write(archive(added))
    except OSError as error:
        raise HostError(
            f"cannot write the installer's initrd, {target}",
            details=str(error),
            hint=write_hint(target.parent),
        ) from error


def archive(added: Mapping[str, bytes]) -> bytes:
    """A cpio archive (newc) of these files and their parent folders, all owned by root."""
    paths = {PurePosixPath(name.lstrip("/")): content for name, content in added.items()}
    folders = {parent for path in paths for parent in path.parents} - {PurePosixPath()}
    entries: Iterator[tuple[str, int, bytes]] = iter(
        [
            *((str(folder), FOLDER, b"") for folder in sorted(folders)),
            *((str(path), FILE, content) for path, content in sorted(paths.items())),
            (TRAILER, 0, b""),
        ]
    )
    return b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1))


def _entry(number: int, name: str, mode: int, content: bytes) -> bytes:
    """One file or folder. Each needs its own inode number: files with the same number would be hard links."""
    encoded = name.encode() + b"\0"
    links = 2 if mode == FOLDER else 1
    #         inode, mode, owner, group, links, time, size, four device numbers, length of the name, checksum
    fields = (number, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return header + bytes(-len(header) % 4) + content + bytes(-len(content) % 4)
