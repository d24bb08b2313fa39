"""A base from an existing disk image: a file on this host, or a download."""

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
"""Part of the base's key: raise it when `make` changes the content of the disk."""


class ImageBase(Base):
    """Start from a disk image: `image: FILE-or-URL`, with the `sha256` of its bytes."""

    image: str = Field(description="The disk image: a file, relative to the recipe, or an http(s) URL.", min_length=1)
    sha256: Sha256 | None = Field(
        default=None,
        description="SHA-256 of the image; required for a URL. A local file without it is hashed on every run.",
    )

    @model_validator(mode="after")
    def _url_has_digest(self) -> ImageBase:
        if self.is_url and self.sha256 is None:
            raise ValueError("an image from a URL needs `sha256:`, so that golden can verify it")
        return self

    @property
    def is_url(self) -> bool:
        return self.image.startswith(("http://", "https://"))

    @property
    def title(self) -> str:
        return f"image {self.image.rpartition('/')[2]}"

    def path(self, folder: Path) -> Path:
        """The image's file on this host. Raises RequestError if it does not exist."""
        path = folder / self.image
        if not path.is_file():
            raise RequestError(
                f"the base image does not exist: {path}"
                if not path.exists()
                else f"the base image is not a file: {path}"
            )
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
                    f"the base image does not match the recipe's sha256: {source}",
                    details=f"sha256 in the recipe: {self.sha256}\nsha256 of the file:   {found}",
                    hint="restore the file if it is damaged, or correct `sha256:` in the recipe",
                )
        import_image(source, target, context.request.size)


def import_image(source: Path, target: Path, size: int | None = None) -> None:
    """Convert any disk image that QEMU knows to a qcow2 of `size` bytes without a backing file. Raises RequestError.

    It refuses an image that refers to other files, because that could read any file on this host. It also
    refuses an image that is larger than `size`, because the end of the guest's data would be lost.
    """
    try:
        info = disks.read_info(source)
        if info.other_files:
            raise RequestError(
                f"the base image refers to another file, {info.other_files[0]}: {source}",
                hint="flatten it with `qemu-img convert -O qcow2 IMAGE FLAT`, and use FLAT as the base",
            )
        if info.format == "raw" and not disks.looks_like_a_disk(source):
            raise RequestError(
                f"the base image is not a disk: {source}",
                details="it starts with neither a partition table nor a file system",
            )
        if size is not None and size < info.virtual_size:
            raise RequestError(
                f"the base image is larger than `size:` in the recipe: {source}",
                details=f"size in the recipe: {size} bytes\nsize of the image:  {info.virtual_size} bytes",
                hint="raise `size:`, or remove it: golden can only grow a disk",
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
    """Refuse a qcow2 with damaged tables or a missing end. Raises CommandError or RequestError."""
    end = disks.check(image)
    # Beyond the end of the file, even tables read as zeros: some truncated images pass that check.
    size, cluster = image.stat().st_size, info.cluster_size or 0
    if size <= end - cluster:
        raise RequestError(
            f"the base image is truncated: {image}", details=f"the file has {size} bytes, but its tables refer to {end}"
        )
