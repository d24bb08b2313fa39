"""What a base is: a digest that says which disk it will be, and a way to make that disk."""

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
"""A place below `base` in a recipe: keys, and indexes into lists."""


@dataclass(frozen=True, slots=True)
class BaseRequest:
    """What a recipe says of its disk beside the base itself.

    `folder` is the recipe's, to which its paths are relative; `size` is the disk's wished virtual
    size in bytes; `templates` is the folder of published templates; under `secret_key` secrets are digested.
    `memory` has what was learned of install trees; without it nothing is remembered.
    """

    folder: Path
    templates: Path
    size: int | None = None
    firmware: Firmware = "bios"
    secret_key: bytes = field(default=b"", repr=False)
    memory: UpstreamMemory | None = None


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What making a base needs.

    `downloads` keeps verified downloads, `work` is scratch, `appliance` starts the build's appliance
    when first asked; `limits` are an install's.
    """

    request: BaseRequest
    downloads: Path
    work: Path
    appliance: Callable[[], Appliance]
    emit: Emit
    limits: InstallLimits = field(default_factory=InstallLimits)


class Base(ABC, BaseModel):
    """A disk to start from, as a recipe names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @property
    @abstractmethod
    def title(self) -> str:
        """The base in a few words, for progress."""

    @property
    def family(self) -> Family | None:
        """The guest's family where it is known before inspection."""
        return None

    def find_problems(self, firmware: Firmware) -> Iterator[Problem]:
        """What is wrong inside the files that the base is made by. Asks nobody but this host."""
        yield from ()

    def find_bad_files(self, folder: Path) -> Iterator[tuple[Route, str]]:
        """The host's files that it names and that cannot be used: where, and why; `folder` is the recipe's."""
        yield from ()

    def pin(self, request: BaseRequest) -> Base:
        """This base, or where it is named by a pointer the very one that the pointer leads to now.

        Raises RequestError or HostError where that cannot be told.
        """
        return self

    def parent(self, request: BaseRequest) -> Version | None:
        """The published version that this base is, where it is one. Raises as `pin` does."""
        return None

    def key_facts(self, request: BaseRequest) -> dict[str, object]:
        """`identity`, with the firmware where it is not the one of old: what the base's key is made of."""
        return with_firmware(self.identity(request), request.firmware)

    def find_known_facts(self, request: BaseRequest) -> dict[str, object] | None:
        """The `key_facts` as they were last time, of a base that must ask others for them; None if unknown."""
        return None

    def indexes(self, request: BaseRequest) -> list[str]:
        """The URLs of the indexes of what it is made from, which change while all that the recipe says stays.

        Raises as `identity` does.
        """
        return []

    @abstractmethod
    def identity(self, request: BaseRequest) -> dict[str, object]:
        """What decides the disk's content beside the firmware, as JSON. Reads, never writes.

        Raises RequestError or HostError where it cannot be told.
        """

    @abstractmethod
    def make(self, context: BuildContext, target: Path) -> None:
        """Write the disk to `target`, a qcow2 without backing. Raises GoldenError; `target` is then void."""


def with_firmware(identity: dict[str, object], firmware: Firmware) -> dict[str, object]:
    return identity | ({"firmware": firmware} if firmware != "bios" else {})
