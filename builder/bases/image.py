"""A disk image made elsewhere: a file of the host, or a download."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from builder import digest, disks
from builder.bases.base import Base, BaseRequest, BuildContext
from builder.bases.download import Downloads
from builder.disks import DiskInfo
from builder.errors import CommandError, RequestError
from builder.inputs import Sha256

VERSION = 1
"""Part of every image's key: raise it when `make` changes what ends up on the disk."""


class ImageBase(Base):
    """Start from a disk image: `image: FILE-or-URL`, with the `sha256` of its bytes."""

    image: str = Field(description="A disk image: a file, relative to the recipe, or an http(s) URL.", min_length=1)
    sha256: Sha256 | None = Field(
        default=None,
        description="SHA-256 of the image; required for a URL. A file without it is hashed on every run.",
    )

    @model_validator(mode="after")
    def _url_has_digest(self) -> ImageBase:
        if self.is_url and self.sha256 is None:
            raise ValueError("an image from a URL needs its sha256: nothing unverified is used")
        return self

    @property
    def is_url(self) -> bool:
        return self.image.startswith(("http://", "https://"))

    @property
    def title(self) -> str:
        return f"image {self.image.rpartition('/')[2]}"

    def path(self, folder: Path) -> Path:
        """The image's file on this host, where it is one. Raises RequestError when it is missing."""
        path = folder / self.image
        if not path.is_file():
            raise RequestError(f"the base image does not exist: {path}" if not path.exists() else f"not a file: {path}")
        return path

    def identity(self, request: BaseRequest) -> dict[str, object]:
        sha256 = self.sha256 or digest.of_file(self.path(request.folder))
        size = {"size": request.size} if request.size else {}
        return {"kind": "image", "version": VERSION, "sha256": sha256} | size

    def make(self, context: BuildContext, target: Path) -> None:
        if self.is_url:
            assert self.sha256 is not None
            source = Downloads(context.downloads).fetch(self.image, self.sha256, context.emit)
        else:
            source = self.path(context.request.folder)
            found = digest.of_file(source)
            if self.sha256 not in (None, found):
                raise RequestError(
                    f"the base image is not the one that the recipe names: {source}",
                    details=f"sha256 in the recipe: {self.sha256}\nsha256 of the file:   {found}",
                    hint="the file is damaged or was replaced; mend it, or the recipe",
                )
        import_image(source, target, context.request.size)


def import_image(source: Path, target: Path, size: int | None = None) -> None:
    """Turn any disk image that QEMU knows into a qcow2 that stands alone, of `size` bytes. Raises RequestError.

    An image that refers to other files is refused: it could draw in any file of this host. So is one
    larger than `size`: what its guest has at the end would be lost.
    """
    try:
        info = disks.read_info(source)
        if info.other_files:
            raise RequestError(
                f"the base image refers to another file, {info.other_files[0]}: {source}",
                hint="flatten it first: qemu-img convert -O qcow2 IMAGE FLAT",
            )
        if info.format == "raw" and not disks.looks_like_a_disk(source):
            raise RequestError(
                f"the base image is not a disk: {source}", details="no partition table or file system at its start"
            )
        if size is not None and size < info.virtual_size:
            raise RequestError(
                f"the base image is larger than the recipe's size: {source}",
                details=f"size in the recipe: {size} bytes\nsize of the image:  {info.virtual_size} bytes",
                hint="a disk can only grow: raise `size:`, or leave it out",
            )
        if info.format == "qcow2":
            check_end(source, info)
        disks.convert(source, target, info.format)
        if size is not None:
            disks.resize(target, size)
    except CommandError as error:
        raise RequestError(
            f"the base image is damaged, truncated or not a disk: {source}", details=error.details
        ) from error


def check_end(image: Path, info: DiskInfo) -> None:
    """Refuse a qcow2 with damaged tables, or with an end missing. Raises CommandError or RequestError."""
    end = disks.check(image)
    # What lies beyond the file's end reads as zeros, tables too: some truncations pass that check.
    size, cluster = image.stat().st_size, info.cluster_size or 0
    if size <= end - cluster:
        raise RequestError(
            f"the base image is truncated: {image}", details=f"it has {size} bytes, and its tables tell of {end}"
        )
