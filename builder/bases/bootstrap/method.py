"""What every way to bootstrap a distribution has in common."""

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
        raise ValueError(f"not a package name: {name!r}")
    return name


Packages = list[Annotated[str, AfterValidator(_check_package)]]


class BootstrapMethod(ABC, BaseModel):
    """How to bootstrap a distribution. Subclasses have the fields `distribution`, `release` and `arch`, too."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    packages: Packages = Field(
        default_factory=list, description="Packages beside those of a minimal system that boots."
    )

    @property
    @abstractmethod
    def family(self) -> Family: ...

    @abstractmethod
    def find_bad_files(self, folder: Path) -> Iterator[tuple[Route, str]]:
        """What is wrong with the host's files that it names, as `Base.find_bad_files` has it."""

    @abstractmethod
    def all_packages(self, firmware: Firmware) -> list[str]:
        """What is installed by name: the recipe's packages, and what makes them a machine that boots."""

    @abstractmethod
    def identity(self, request: BaseRequest) -> dict[str, object]:
        """What decides the disk's content beside distribution, release, architecture, packages and size.

        Raises RequestError or HostError where it cannot be told.
        """

    @abstractmethod
    def indexes(self, request: BaseRequest) -> list[str]:
        """The URLs of the indexes of its repositories, as `Base.indexes` has it."""

    @abstractmethod
    def layout(self, firmware: Firmware) -> DiskLayout: ...

    @abstractmethod
    def collect(self, context: BuildContext, tree: Path) -> None:
        """Unpack and configure the packages into a tar file, on the host: its processor is ten times faster.

        Raises GoldenError; nothing else of what was made stays, on the host or in its process table.
        """

    @abstractmethod
    def complete(self, context: BuildContext, disk: Path) -> None:
        """Do to the disk, which boots, what could not be done on the host. Raises GuestError."""
