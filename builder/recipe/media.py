"""Media: ISO images and folders of this host with the package repositories that a build installs from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from builder import digest
from builder.inputs import PATH_HINT, OptionError, RecipeContext

INDEXES = ("repodata/repomd.xml", "*/repodata/repomd.xml", "dists/*/Release", "dists/*/InRelease")
"""The indexes of repositories: each lists all packages of its repository with their digests."""

ISO_START, ISO_MAGIC = 0x8001, b"CD001"
"""The byte offset and the text of the identifier of an ISO 9660 image (ECMA-119, 8.4.2)."""

HEAD = 1 << 20
"""The bytes at the start of an image that, with its size, identify it: they hold its volume name and creation date."""


def _as_list(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else (value,)


def _find_medium(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path):
        raise ValueError("must be the path of an ISO image or a folder")
    context = info.context
    path = (context.folder if isinstance(context, RecipeContext) else Path()) / value
    try:
        if path.is_dir():
            if not any(_find_indexes(path)):
                raise ValueError(
                    f"no package repository in {value}: it has neither repodata/repomd.xml nor dists/SUITE/Release"
                )
        elif not path.exists():
            raise OptionError(f"no such file or folder: {value}", PATH_HINT)
        elif not _is_iso(path):
            raise ValueError(f"not an ISO image or a folder: {value}")
    except OSError as error:
        raise ValueError(f"cannot read {value}: {error.strerror}") from error
    return path


def _is_iso(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(ISO_START)
        return file.read(len(ISO_MAGIC)) == ISO_MAGIC


def _find_indexes(folder: Path) -> Iterator[Path]:
    for pattern in INDEXES:
        yield from folder.glob(pattern)


Medium = Annotated[Path, BeforeValidator(_find_medium), WithJsonSchema({"type": "string"})]
"""An ISO image or a folder of this host, relative to the recipe; an absolute Path once validated."""

Media = Annotated[tuple[Medium, ...], BeforeValidator(_as_list), Field(strict=False)]


def identity(media: tuple[Path, ...]) -> str:
    """The digest of the media for the keys of steps that install packages; empty without media. Raises OSError.

    It is quick even for a DVD: a folder is identified by its indexes, which hold the digests of all packages,
    and an image by its size and its first MiB.
    """
    return digest.of_value([_identity(path) for path in media]) if media else ""


def _identity(path: Path) -> Any:
    if path.is_dir():
        return sorted([str(index.relative_to(path)), digest.of_file(index)] for index in _find_indexes(path))
    with path.open("rb") as file:
        return [path.stat().st_size, hashlib.sha256(file.read(HEAD)).hexdigest()]
