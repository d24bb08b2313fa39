"""yum 3, in EL 7 and older. From EL 8 on, yum is an alias of dnf."""

from __future__ import annotations

from collections.abc import Iterable

from builder.errors import GuestError
from builder.guest.packages.dnf import Dnf


class Yum(Dnf):
    """yum with the guest's own configuration. It asks no questions."""

    program = "yum"
    upgrade = "update"

    def _fetch_index(self) -> None:
        # yum identifies a cached index by its repository's id alone, and other guests share the cache: the index may
        # come from another recipe's repository with the same id.
        self.guest.query(f"rm -f {self._cache}/*/repomd.xml {self._cache}/*/cachecookie")
        self._do("clean expire-cache")
        self._do("makecache")

    def install(self, names: Iterable[str]) -> None:
        requested = list(names)
        super().install(requested)
        # yum succeeds even if it does not find some of the packages.
        installed = set().union(*(self.specs(package) for package in self.installed()))
        if missing := sorted({*requested} - installed - self.provided_names()):
            raise GuestError(
                f"yum did not find these packages: {' '.join(missing)}",
                hint="correct the names, or add the repository that has them with a `repo:` step",
            )
