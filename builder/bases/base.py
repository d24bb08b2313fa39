"""The interface of a base: facts that identify its disk, and a way to make that disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from builder.appliance.appliance import Appliance
from builder.errors import Problem
from builder.events import Emit
from builder.guest.info import Family
from builder.installer import InstallLimits
from builder.store import Version
from builder.upstream import UpstreamMemory

Firmware = Literal["bios", "uefi"]

Route = tuple[str | int, ...]
"""The path to a value below `base` in a recipe: keys of maps and indexes of lists."""


@dataclass(frozen=True, slots=True)
class BaseRequest:
    """What a base needs to know of its recipe and of the output folder.

    `folder` is the recipe's folder, to which its paths are relative. `templates` is the folder of published
    templates. `size` is the requested virtual size of the disk in bytes. `secret_key` is the key for the
    digests of secrets. `memory` remembers the identities of install trees; without it nothing is remembered.
    """

    folder: Path
    templates: Path
    size: int | None = None
    firmware: Firmware = "bios"
    secret_key: bytes = field(default=b"", repr=False)
    memory: UpstreamMemory | None = None


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What a base needs to make its disk.

    `downloads` is the folder of verified downloads, `work` a scratch folder. `appliance` returns the build's
    appliance, and starts it on the first call. `limits` apply to an unattended install.
    """

    request: BaseRequest
    downloads: Path
    work: Path
    appliance: Callable[[], Appliance]
    emit: Emit
    limits: InstallLimits = field(default_factory=InstallLimits)


class Base(ABC, BaseModel):
    """A disk to start from, as the recipe describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @property
    @abstractmethod
    def title(self) -> str:
        """A few words that name the base in the progress output."""

    @property
    def family(self) -> Family | None:
        """The guest's family; None if it is unknown before inspection."""
        return None

    def find_problems(self, firmware: Firmware) -> Iterator[Problem]:
        """The problems inside the base's own files, such as a kickstart. Uses no network."""
        yield from ()

    def find_bad_files(self, folder: Path) -> Iterator[tuple[Route, str]]:
        """The files of this host that the base cannot use: their routes, and why. `folder` is the recipe's."""
        yield from ()

    def pin(self, request: BaseRequest) -> Base:
        """This base; if it names a channel, the base with the version that the channel points at now.

        Raises RequestError or HostError if the version cannot be found.
        """
        return self

    def parent(self, request: BaseRequest) -> Version | None:
        """The published version that this base is; None for other kinds of base. Raises like `pin`."""
        return None

    def key_facts(self, request: BaseRequest) -> dict[str, object]:
        """The facts that determine the base's key: `identity`, and the firmware unless it is the default, bios."""
        return with_firmware(self.identity(request), request.firmware)

    def find_known_facts(self, request: BaseRequest) -> dict[str, object] | None:
        """The last known `key_facts` of a base that reads them from a server; None if there are none."""
        return None

    def indexes(self, request: BaseRequest) -> list[str]:
        """The URLs of the indexes that the base is made from: they can change while the recipe stays the same.

        Raises like `identity`.
        """
        return []

    @abstractmethod
    def identity(self, request: BaseRequest) -> dict[str, object]:
        """Everything but the firmware that determines the disk's content, as JSON. Reads, never writes.

        Raises RequestError or HostError if it cannot be determined.
        """

    @abstractmethod
    def make(self, context: BuildContext, target: Path) -> None:
        """Write the disk to `target`, a qcow2 without a backing file. After a GoldenError, `target` is unusable."""


def with_firmware(identity: dict[str, object], firmware: Firmware) -> dict[str, object]:
    return identity | ({"firmware": firmware} if firmware != "bios" else {})
