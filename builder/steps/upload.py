from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import Field

from builder import digest
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestTarget, InputFile, KeyContext, Mode, Owner, Step

_EXAMPLE = """\
upload:
  source: files/motd
  path: /etc/motd
"""


class Upload(Step, name="upload", version=1, example=_EXAMPLE):
    """Copy a host's file into the guest, with its mode and owner."""

    source: InputFile = Field(description="The file, relative to the recipe.")
    path: GuestTarget = Field(description="The file in the guest, or the folder to put it in under its own name.")
    mode: Mode | None = Field(default=None, description="Permission bits instead of the source's own.")
    owner: Owner | None = Field(default=None, description="`user` or `user:group` instead of the source's own numbers.")

    @property
    def _mode(self) -> int:
        return int(self.mode, 8) if self.mode else self.source.stat().st_mode & 0o7777

    @property
    def _owner(self) -> str:
        stat = self.source.stat()
        return self.owner or f"{stat.st_uid}:{stat.st_gid}"

    def key_options(self, context: KeyContext) -> dict[str, Any]:
        """Also what else of the source ends up on the disk: its name, mode and owner."""
        options = super().key_options(context)
        return {**options, "name": self.source.name, "mode": f"{self._mode:04o}", "owner": self._owner}

    def _inside(self) -> str:
        return f"{self.path.rstrip('/')}/{self.source.name}"

    def _file(self, guest: Guest) -> str:
        """The file's own path in the guest, without links on its way."""
        inside = self.path.endswith("/") or guest.is_folder(self.path)
        return guest.resolve(self._inside() if inside else self.path)

    def apply(self, guest: Guest) -> None:
        folder = self.path.rpartition("/")[0]
        if folder and not guest.is_folder(folder):
            guest.mkdir(folder)
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
        yield Finding(same, f"{file} {'is' if same else 'is not'} the same as {self.source.name}")
        yield Finding(stat.mode == self._mode, f"{file} has mode {stat.mode:04o}")
        owned = (stat.uid, stat.gid) == guest.owner_ids(self._owner)
        yield Finding(owned, f"{file} belongs to {stat.uid}:{stat.gid}")

    def kept_paths(self) -> Iterable[str]:
        # Whether a path without a slash at its end is a folder, only the guest knows.
        if not self.path.endswith("/"):
            yield self.path
        yield self._inside()
