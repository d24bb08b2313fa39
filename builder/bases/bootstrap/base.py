"""The base that is bootstrapped, whatever its distribution."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from builder import disks
from builder.bases.base import Base, BaseRequest, Route, Workshop
from builder.bases.bootstrap.debian import DebianBootstrap
from builder.bases.bootstrap.dnf import DnfBootstrap
from builder.bases.bootstrap.layout import lay_out
from builder.guest.info import Family

SIZE = 4 << 30
"""Bytes of the disk where the recipe names no size."""


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

    def identity(self, wanted: BaseRequest) -> dict[str, object]:
        return {
            "kind": "bootstrap",
            "distribution": self.bootstrap.distribution,
            "release": self.bootstrap.release,
            "arch": self.bootstrap.arch,
            "packages": sorted(self.bootstrap.all_packages(wanted.firmware)),
            "size": wanted.size or SIZE,
            **self.bootstrap.identity(wanted),
        }

    def indexes(self, wanted: BaseRequest) -> list[str]:
        return self.bootstrap.indexes(wanted)

    def make(self, workshop: Workshop, target: Path) -> None:
        tree = workshop.work / "root.tar"
        wanted = workshop.wanted
        try:
            self.bootstrap.collect(workshop, tree)
            disks.create(target, wanted.size or SIZE)
            lay_out(workshop.appliance(), target, tree, self.bootstrap.layout(wanted.firmware), workshop.emit)
            self.bootstrap.complete(workshop, target)
        finally:
            tree.unlink(missing_ok=True)
