"""The bootstrap base, for every distribution."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from builder import disks
from builder.bases.base import Base, BaseRequest, BuildContext, Route
from builder.bases.bootstrap.debian import DebianBootstrap
from builder.bases.bootstrap.dnf import DnfBootstrap
from builder.bases.bootstrap.layout import lay_out
from builder.guest.info import Family

SIZE = 4 << 30
"""The size of the disk in bytes, if the recipe has no `size`."""


class BootstrapBase(Base):
    """Bootstrap a system from packages: `bootstrap: {distribution: debian, release: bookworm}`."""

    bootstrap: DebianBootstrap | DnfBootstrap = Field(
        description="Bootstrap a system from its distribution's packages.", discriminator="distribution"
    )

    @property
    def title(self) -> str:
        return f"bootstrap {self.bootstrap.distribution} {self.bootstrap.release}"

    @property
    def family(self) -> Family | None:
        return self.bootstrap.family

    def find_bad_files(self, folder: Path) -> Iterator[tuple[Route, str]]:
        return ((("bootstrap", *route), message) for route, message in self.bootstrap.find_bad_files(folder))

    def identity(self, request: BaseRequest) -> dict[str, object]:
        return {
            "kind": "bootstrap",
            "distribution": self.bootstrap.distribution,
            "release": self.bootstrap.release,
            "arch": self.bootstrap.arch,
            "packages": sorted(self.bootstrap.all_packages(request.firmware)),
            "size": request.size or SIZE,
            **self.bootstrap.identity(request),
        }

    def indexes(self, request: BaseRequest) -> list[str]:
        return self.bootstrap.indexes(request)

    def make(self, context: BuildContext, target: Path) -> None:
        tree = context.work / "root.tar"
        request = context.request
        try:
            self.bootstrap.make_tree(context, tree)
            disks.create(target, request.size or SIZE)
            lay_out(context.appliance(), target, tree, self.bootstrap.layout(request.firmware), context.emit)
            self.bootstrap.finish(context, target)
        finally:
            tree.unlink(missing_ok=True)
