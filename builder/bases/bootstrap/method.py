"""The interface of the bootstrap tools."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from builder.bases.base import BaseRequest, BuildContext, Firmware, Route
from builder.bases.bootstrap.layout import DiskLayout
from builder.guest.info import Family


def _check_package(name: str) -> str:
    if name.startswith("-") or not name or any(letter in name for letter in " ,\n\t"):
        raise ValueError(f"invalid package name {name!r}: must have no spaces, commas or leading dash")
    return name


Packages = list[Annotated[str, AfterValidator(_check_package)]]


class BootstrapMethod(ABC, BaseModel):
    """How to bootstrap a distribution. Subclasses add the fields `distribution`, `release` and `arch`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    packages: Packages = Field(
        default_factory=list, description="Packages to install besides those of a minimal bootable system."
    )

    @property
    @abstractmethod
    def family(self) -> Family: ...

    @abstractmethod
    def find_bad_files(self, folder: Path) -> Iterator[tuple[Route, str]]:
        """The files of this host that cannot be used, as in `Base.find_bad_files`."""

    @abstractmethod
    def all_packages(self, firmware: Firmware) -> list[str]:
        """The packages to install by name: the recipe's, and those of a minimal bootable system."""

    @abstractmethod
    def identity(self, request: BaseRequest) -> dict[str, object]:
        """What else determines the disk's content: all but distribution, release, architecture, packages and size.

        Raises RequestError or HostError if it cannot be determined.
        """

    @abstractmethod
    def indexes(self, request: BaseRequest) -> list[str]:
        """The URLs of the indexes of its repositories, as in `Base.indexes`."""

    @abstractmethod
    def layout(self, firmware: Firmware) -> DiskLayout: ...

    @abstractmethod
    def make_tree(self, context: BuildContext, tree: Path) -> None:
        """Install the packages into a tar file, on the host, whose processor is ten times faster than the appliance's.

        Raises GoldenError. Leaves nothing else behind on the host: no files, and no processes.
        """

    @abstractmethod
    def finish(self, context: BuildContext, disk: Path) -> None:
        """Complete the bootable disk in the appliance, with what could not be done on the host. Raises GuestError."""
