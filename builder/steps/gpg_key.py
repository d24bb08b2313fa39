from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import KeyContext, KeyFile, Step, key_suffix


class GpgKey(
    Step,
    name="gpg-key",
    version=1,
    shorthand="key",
    families={"debian"},
    example="gpg-key: files/archive-key.asc",
):
    """Trust an OpenPGP key for every repository; `repo` with a key of its own trusts it for that one only."""

    key: KeyFile = Field(description="File with the public key, ASCII-armoured or binary.")

    @property
    def _path(self) -> str:
        # apt reads no file whose name has other letters than these, or another ending.
        name = re.sub(r"[^A-Za-z0-9_-]", "-", re.sub(r"\.(asc|gpg|pgp|key|pub)$", "", self.key.name))
        return f"/etc/apt/trusted.gpg.d/{name}.{key_suffix(self.key.read_bytes())}"

    def key_options(self, context: KeyContext) -> dict[str, Any]:
        return {**super().key_options(context), "path": self._path}

    def apply(self, guest: Guest) -> None:
        guest.write(self._path, self.key.read_bytes(), mode=0o644, owner="0:0")

    def check(self, guest: Guest) -> Iterator[Finding]:
        if not guest.is_file(self._path):
            yield Finding(False, f"{self._path} is missing")
        else:
            same = guest.read_bytes(self._path) == self.key.read_bytes()
            yield Finding(same, f"{self._path} {'holds' if same else 'does not hold'} the key {self.key.name}")

    def kept_paths(self) -> Iterable[str]:
        yield self._path
