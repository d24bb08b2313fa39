"""zypper, in SUSE."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from builder.guest.packages.rpm import Rpm

REBOOT_NEEDED, RESTART_NEEDED = 102, 103
"""Exit codes of zypper for success, with advice that does not matter in an appliance."""


class Zypper(Rpm):
    """zypper with the guest's own configuration. It asks no questions, and so does not trust new keys.

    It does not use the package cache, because zypper only keeps packages if a repository's own settings say so.
    """

    repositories = "/etc/zypp/repos.d"

    def refresh(self) -> None:
        if self.guest.index is None:
            self._do("refresh --force")
            self.guest.index = self._indexes("/var/cache/zypp/raw")
        self.guest.observe(self.guest.index)

    def install(self, names: Iterable[str]) -> None:
        self.refresh()
        self._do("install --auto-agree-with-licenses", names)

    def install_command(self, names: Iterable[str]) -> str:
        return f"zypper --non-interactive install --auto-agree-with-licenses {shlex.join(names)}"

    def remove(self, names: Iterable[str]) -> None:
        self._do("remove --clean-deps", names)

    def update(self) -> None:
        self.refresh()
        self._do("update --auto-agree-with-licenses")

    def _do(self, action: str, names: Iterable[str] = ()) -> str:
        media = [f"--reposd-dir {self.media_folder()}"] if self.guest.has_media else []
        words = " ".join(["zypper --non-interactive", *media, action, *(shlex.quote(name) for name in names)])
        return self.guest.run(
            f"{words}; status=$?; case $status in {REBOOT_NEEDED} | {RESTART_NEEDED}) ;; *) exit $status ;; esac"
        )
