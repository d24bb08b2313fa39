"""A published template as the base of another recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from builder import digest, disks
from builder.bases.base import Base, BaseRequest, BuildContext
from builder.errors import CommandError, HostError, RequestError
from builder.sizes import format_size
from builder.store import Reference, Store, Version

VERSION = 1
"""Part of every such base's key: raise it when `make` changes what ends up on the disk."""

BUILD_FIRST = "`golden build RECIPE --with-parents` builds it first, where its recipe lies in the same folder"


def _check_reference(text: str) -> str:
    Reference.parse(text)
    return text


class TemplateBase(Base):
    """Start from another recipe's template: `template: NAME`, `NAME@CHANNEL` or `NAME:VERSION`."""

    template: Annotated[str, AfterValidator(_check_reference)] = Field(
        description="A published template: NAME, NAME@CHANNEL or NAME:VERSION. With a channel (latest, if none is "
        "named) the recipe is built anew when the channel moves to another disk.",
        json_schema_extra={"pattern": "^[a-z0-9][a-z0-9._-]*([@:][a-z0-9._-]+)?$"},
    )

    @property
    def reference(self) -> Reference:
        return Reference.parse(self.template)

    @property
    def title(self) -> str:
        return f"template {self.template}"

    def pin(self, request: BaseRequest) -> TemplateBase:
        return TemplateBase(template=str(self.parent(request)))

    def parent(self, request: BaseRequest) -> Version:
        try:
            return Store(request.templates).find(self.template)
        except RequestError as error:
            if self.reference.moves:
                error.hint = f"{error.hint}; {BUILD_FIRST}"
            raise

    def identity(self, request: BaseRequest) -> dict[str, object]:
        """The disk decides, not the version: one that is published again with the same disk changes nothing."""
        version = self.parent(request)
        disk, firmware = version.manifest.disk, version.manifest.firmware
        if firmware != request.firmware:
            raise RequestError(
                f"{version} is made for {firmware} machines, and the recipe for {request.firmware} ones",
                hint=f"write `firmware: {firmware}` in the recipe" if firmware != "bios" else "leave `firmware:` out",
            )
        if request.size is not None and request.size < disk.size:
            raise RequestError(
                f"{version} is larger than the recipe's size",
                details=f"size in the recipe: {format_size(request.size)}\nsize of disk:      {format_size(disk.size)}",
                hint="a disk can only grow: raise `size:`, or leave it out",
            )
        grown = {"size": request.size} if request.size not in (None, disk.size) else {}
        return {"kind": "template", "version": VERSION, "sha256": disk.sha256} | grown

    def make(self, context: BuildContext, target: Path) -> None:
        """Copy the version's disk: the base stands alone, so that the version may be removed later."""
        version, size = self.parent(context.request), context.request.size
        disk = version.manifest.disk
        verify(version)
        try:
            disks.convert(version.disk, target, disk.format)
            if size is not None and size > disk.size:
                disks.resize(target, size)
        except CommandError as error:
            raise HostError(
                f"the disk of {version} could not be copied",
                details=error.details,
                hint="is there space in the output folder?",
            ) from error


def verify(version: Version) -> None:
    """Refuse a disk that is not the one that was published. Raises HostError."""
    published = version.manifest.disk.sha256
    try:
        found = digest.of_file(version.disk)
    except OSError as error:
        raise HostError(f"the disk of {version} cannot be read", details=str(error)) from error
    if found != published:
        raise HostError(
            f"the disk of {version} is damaged",
            where=str(version.disk),
            details=f"sha256 in its manifest: {published}\nsha256 of the file:     {found}",
            hint=f"remove that file and build {version.template} again, or name another version of it",
        )
