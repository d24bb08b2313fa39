from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPath, Owner, Step, compare


class Chown(Step, name="chown", version=1, example="chown: {path: /srv/www, owner: www-data, recursive: true}"):
    """Change the owner and group of a file or folder."""

    path: GuestPath = Field(description="The file or folder. A symbolic link is followed.")
    owner: Owner = Field(description="`user:group`, or `user` for the user and their primary group; names or numbers.")
    recursive: bool = Field(default=False, description="Also change everything in the folder.")

    def apply(self, guest: Guest) -> None:
        guest.stat(self.path)
        path = guest.resolve(self.path)
        if self.recursive:
            uid, gid = guest.owner_ids(self.owner)
            guest.run(shlex.join(["chown", "-hR", f"{uid}:{gid}", "--", path]), quiet=True)
        else:
            guest.chown(path, self.owner)

    def check(self, guest: Guest) -> Iterator[Finding]:
        path = guest.resolve(self.path)
        stat = guest.find_stat(path)
        if stat is None:
            yield Finding(False, f"{self.path} is missing")
            return
        uid, gid = guest.owner_ids(self.owner)
        yield compare(f"{self.path} belongs to", f"{stat.uid}:{stat.gid}", f"{uid}:{gid}")
        if self.recursive:
            mismatch = guest.query(
                f"find {shlex.quote(path)} '(' ! -uid {uid} -o ! -gid {gid} ')' -printf '%p belongs to %U:%G' -quit"
            )
            if mismatch:
                yield Finding(False, f"{mismatch} (expected {uid}:{gid})")
            else:
                yield Finding(True, f"everything in {self.path} belongs to {uid}:{gid}")

    def kept_paths(self) -> Iterable[str]:
        yield self.path
