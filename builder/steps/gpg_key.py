from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import Field

from builder.findings import Finding
from builder.guest import packages
from builder.guest.guest import Guest
from builder.inputs import KeyContext
from builder.steps.step import KeyFile, Step, key_suffix

RPM_KEYS = "/etc/pki/rpm-gpg"


class GpgKey(Step, name="gpg-key", version=1, shorthand="key", example="gpg-key: files/archive-key.asc"):
    """Trust an OpenPGP key for all package repositories.

    On apt guests, use the option `key` of `repo` to trust a key for a single repository. On rpm
    guests, a copy of the key stays in /etc/pki/rpm-gpg under the file's name.
    """

    key: KeyFile = Field(description="File with the public key, ASCII-armoured. apt also accepts a binary key.")

    def _path(self, guest: Guest) -> str:
        return self._apt_path if guest.info.family == "debian" else f"{RPM_KEYS}/{self.key.name}"

    @property
    def _apt_path(self) -> str:
        # apt ignores files whose names have other characters or another suffix.
        name = re.sub(r"[^A-Za-z0-9_-]", "-", re.sub(r"\.(asc|gpg|pgp|key|pub)$", "", self.key.name))
        return f"/etc/apt/trusted.gpg.d/{name}.{key_suffix(self.key.read_bytes())}"

    def key_options(self, context: KeyContext) -> dict[str, Any]:
        return {**super().key_options(context), "path": self._apt_path}

    def apply(self, guest: Guest) -> None:
        guest.write(self._path(guest), self.key.read_bytes(), mode=0o644, owner="0:0")
        manager = packages.of(guest)
        if isinstance(manager, packages.Rpm):
            manager.import_key(self._path(guest))

    def check(self, guest: Guest) -> Iterator[Finding]:
        path = self._path(guest)
        if not guest.is_file(path):
            yield Finding(False, f"{path} is missing")
            return
        same = guest.read_bytes(path) == self.key.read_bytes()
        yield Finding(same, f"{path} {'contains' if same else 'does not contain'} the key {self.key.name}")
        manager = packages.of(guest)
        if isinstance(manager, packages.Rpm):
            trusted = manager.has_key(self.key.read_bytes())
            yield Finding(trusted, f"rpm {'trusts' if trusted else 'does not trust'} the key {self.key.name}")

    def kept_paths(self) -> Iterable[str]:
        yield self._apt_path
        yield f"{RPM_KEYS}/{self.key.name}"
