"""yum 3, of EL 7 and older; from EL 8 on yum is another name of dnf."""

from __future__ import annotations

from collections.abc import Iterable

from builder.errors import GuestError
from builder.guest.packages.dnf import Dnf


class Yum(Dnf):
    """yum, as the guest has it configured, but without questions."""

    program = "yum"
    upgrade = "update"

    def _fetch_index(self) -> None:
        # yum knows an index by its repository's name alone, and the cache outlasts the guest: another recipe's
        # repository of that name may have left its own there.
        self.guest.query(f"rm -f {self._cache}/*/repomd.xml {self._cache}/*/cachecookie")
        self._do("clean expire-cache")
        self._do("makecache")

    def install(self, names: Iterable[str]) -> None:
        wanted = list(names)
        super().install(wanted)
        # yum installs what it finds, and ends well without the rest.
        installed = set().union(*(self.specs(package) for package in self.installed()))
        if missing := sorted({*wanted} - installed - self.provided_names()):
            raise GuestError(f"yum finds no package {' '.join(missing)}")
