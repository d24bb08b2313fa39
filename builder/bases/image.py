"""A disk image made elsewhere: a file of the host, or a download."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from builder import digest, process
from builder.bases import download
from builder.bases.base import Base, BaseRequest, Workshop
from builder.errors import CommandError, RequestError

VERSION = 1
"""Part of every image's key: raise it when `make` changes what ends up on the disk."""


class ImageBase(Base):
    """Start from a disk image: `image: FILE-or-URL`, with the `sha256` of its bytes."""

    image: str = Field(description="A disk image: a file, relative to the recipe, or an http(s) URL.", min_length=1)
    sha256: str | None = Field(
        default=None,
        description="SHA-256 of the image's bytes; a URL must have it. A file without it is hashed at every run.",
        pattern=r"^[0-9a-f]{64}$",
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

    def identity(self, wanted: BaseRequest) -> dict[str, object]:
        sha256 = self.sha256 or digest.of_file(self.path(wanted.folder))
        return {"kind": "image", "version": VERSION, "sha256": sha256} | ({"size": wanted.size} if wanted.size else {})

    def make(self, workshop: Workshop, target: Path) -> None:
        if self.is_url:
            assert self.sha256 is not None
            source = download.fetch(self.image, self.sha256, workshop.downloads, workshop.emit)
        else:
            source = self.path(workshop.wanted.folder)
            found = digest.of_file(source)
            if self.sha256 not in (None, found):
                raise RequestError(
                    f"the base image is not the one that the recipe names: {source}",
                    details=f"sha256 in the recipe: {self.sha256}\nsha256 of the file:   {found}",
                    hint="the file is damaged or was replaced; mend it, or the recipe",
                )
        convert(source, target, workshop.wanted.size)


def convert(source: Path, target: Path, size: int | None = None) -> None:
    """Turn any disk image that QEMU knows into a qcow2 that stands alone, of `size` bytes. Raises RequestError.

    An image that refers to other files is refused: it could draw in any file of this host. So is one
    larger than `size`: what its guest has at the end would be lost.
    """
    try:
        about = json.loads(process.run(["qemu-img", "info", "--output=json", str(source)]))
        if other := next(other_files(about), None):
            raise RequestError(
                f"the base image refers to another file, {other}: {source}",
                hint="flatten it first: qemu-img convert -O qcow2 IMAGE FLAT",
            )
        if about["format"] == "raw" and not looks_like_a_disk(source):
            raise RequestError(
                f"the base image is not a disk: {source}", details="no partition table or file system at its start"
            )
        if size is not None and size < about["virtual-size"]:
            raise RequestError(
                f"the base image is larger than the recipe's size: {source}",
                details=f"size in the recipe: {size} bytes\nsize of the image:  {about['virtual-size']} bytes",
                hint="a disk can only grow: raise `size:`, or leave it out",
            )
        if about["format"] == "qcow2":
            check(source, about["cluster-size"])
        process.run(["qemu-img", "convert", "-f", about["format"], "-O", "qcow2", str(source), str(target)])
        if size is not None:
            process.run(["qemu-img", "resize", "-q", "-f", "qcow2", str(target), str(size)])
    except CommandError as error:
        raise RequestError(
            f"the base image is damaged, truncated or not a disk: {source}", details=error.details
        ) from error


def other_files(about: dict[str, Any]) -> Iterator[str]:
    """The files that an image refers to, as `qemu-img info` tells: backing, qcow2 data, the extents of a VMDK."""
    data = about.get("format-specific", {}).get("data", {})
    named = [about.get("backing-filename"), data.get("data-file")]
    named += [extent.get("filename") for extent in data.get("extents", [])]
    yield from (name for name in named if name and name != about["filename"])


def check(image: Path, cluster: int) -> None:
    """Raise CommandError or RequestError for a qcow2 with damaged tables, or with an end missing."""
    found = json.loads(process.run(["qemu-img", "check", "--output=json", "-f", "qcow2", str(image)]))
    # What lies beyond the file's end reads as zeros, tables too: some truncations pass that check.
    size, end = image.stat().st_size, found["image-end-offset"]
    if size <= end - cluster:
        raise RequestError(
            f"the base image is truncated: {image}", details=f"it has {size} bytes, and its tables tell of {end}"
        )


def looks_like_a_disk(path: Path) -> bool:
    """Whether a raw file begins as a disk does: a boot signature, or a file system's magic number.

    The signature 0x55AA ends the first sector of MBR and GPT disks; ext2–4 has 0xEF53 at byte 1080,
    XFS begins with XFSB, btrfs has _BHRfS_M at byte 65600.
    """
    with path.open("rb") as file:
        start = file.read(65_608)
    return (
        start[510:512] == b"\x55\xaa"
        or start[1080:1082] == b"\x53\xef"
        or start[:4] == b"XFSB"
        or start[65_600:65_608] == b"_BHRfS_M"
    )
