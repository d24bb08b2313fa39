from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import Field

from builder import digest
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.inputs import InputFile, KeyContext
from builder.steps.step import GuestTarget, Mode, Owner, Step, compare, targets

_EXAMPLE = """\
upload:
  source: files/motd
  path: /etc/motd
"""


class Upload(Step, name="upload", version=1, example=_EXAMPLE):
    """Copy a file from the host into the guest."""

    source: InputFile = Field(description="The file, relative to the recipe.")
    path: GuestTarget = Field(description="The path in the guest, or the folder to copy into under the same name.")
    mode: Mode | None = Field(
        default=None, description="Permission bits in octal, in quotes. The default is the source's mode."
    )
    owner: Owner | None = Field(
        default=None,
        description="`user` or `user:group`, by name or number. The default is the source's numeric owner.",
    )

    @property
    def _mode(self) -> int:
        return int(self.mode, 8) if self.mode else self.source.stat().st_mode & 0o7777

    @property
    def _owner(self) -> str:
        stat = self.source.stat()
        return self.owner or f"{stat.st_uid}:{stat.st_gid}"

    def key_options(self, context: KeyContext) -> dict[str, Any]:
        """Add what else of the source ends up on the disk: its name, mode and owner."""
        options = super().key_options(context)
        return {**options, "name": self.source.name, "mode": f"{self._mode:04o}", "owner": self._owner}

    def _file(self, guest: Guest) -> str:
        """Return the file's path in the guest with symbolic links resolved."""
        return guest.resolve(guest.destination(self.path, self.source.name))

    def apply(self, guest: Guest) -> None:
        guest.mkdir(posixpath.dirname(self.path))
        guest.upload(self.source, self._file(guest))
        file = self._file(guest)
        guest.chown(file, self._owner)
        guest.chmod(file, self._mode)

    def check(self, guest: Guest) -> Iterator[Finding]:
        file = self._file(guest)
        stat = guest.find_stat(file)
        if stat is None or stat.kind != "file":
            yield Finding(False, f"{file} is missing")
            return
        same = guest.call("checksum", "sha256", file) == digest.of_file(self.source)
        yield Finding(same, f"{file} {'matches' if same else 'differs from'} {self.source.name}")
        yield compare(f"{file} has mode", f"{stat.mode:04o}", f"{self._mode:04o}")
        uid, gid = guest.owner_ids(self._owner)
        yield compare(f"{file} belongs to", f"{stat.uid}:{stat.gid}", f"{uid}:{gid}")

    def kept_paths(self) -> Iterable[str]:
        return targets(self.path, self.source.name)
