"""A base from the published template of another recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from builder import digest, disks
from builder.bases.base import Base, BaseRequest, BuildContext
from builder.errors import CommandError, HostError, RequestError
from builder.sizes import format_size, write_hint
from builder.store import Reference, Store, Version

VERSION = 1
"""Part of the base's key: raise it when `make` changes the content of the disk."""

BUILD_FIRST = "if its recipe is in the same folder, run `golden build RECIPE --with-parents`"


def _check_reference(text: str) -> str:
    Reference.parse(text)
    return text


class TemplateBase(Base):
    """Start from another recipe's template: `template: NAME`, `NAME@CHANNEL` or `NAME:VERSION`."""

    template: Annotated[str, AfterValidator(_check_reference)] = Field(
        description="A published template: NAME, NAME@CHANNEL or NAME:VERSION. With a channel (default: latest), "
        "golden rebuilds the recipe when the channel moves to another disk.",
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
        """The disk determines it, not the version: a new version with the same disk changes nothing."""
        version = self.parent(request)
        disk, firmware = version.manifest.disk, version.manifest.firmware
        if firmware != request.firmware:
            raise RequestError(
                f"{version} is for firmware {firmware}, but the recipe is for {request.firmware}",
                hint=f"set `firmware: {firmware}` in the recipe",
            )
        if request.size is not None and request.size < disk.size:
            wanted, actual = format_size(request.size), format_size(disk.size)
            raise RequestError(
                f"{version} is larger than `size:` in the recipe",
                details=f"size in the recipe: {wanted}\nsize of the disk:   {actual}",
                hint="raise `size:`, or remove it: golden can only grow a disk",
            )
        grown = {"size": request.size} if request.size not in (None, disk.size) else {}
        return {"kind": "template", "version": VERSION, "sha256": disk.sha256} | grown

    def make(self, context: BuildContext, target: Path) -> None:
        """Copy the version's disk, so that the base does not depend on it and the version can be removed later."""
        version, size = self.parent(context.request), context.request.size
        disk = version.manifest.disk
        verify(version)
        try:
            disks.convert(version.disk, target, disk.format)
            if size is not None and size > disk.size:
                disks.resize(target, size)
        except CommandError as error:
            raise HostError(
                f"cannot copy the disk of {version}",
                details=error.details,
                hint=write_hint(target.parent),
            ) from error


def verify(version: Version) -> None:
    """Refuse a disk that changed after it was published. Raises HostError."""
    published = version.manifest.disk.sha256
    try:
        found = digest.of_file(version.disk)
    except OSError as error:
        raise HostError(
            f"cannot read the disk of {version}", details=str(error), hint="check the file's owner and permissions"
        ) from error
    if found != published:
        raise HostError(
            f"the disk of {version} is damaged: it is not the disk that was published",
            where=str(version.disk),
            details=f"sha256 in its manifest: {published}\nsha256 of the file:     {found}",
            hint=f"do not clone {version}; delete the file, build {version.template} again, and move "
            "the other channels that point at the damaged version with `golden promote`",
        )
