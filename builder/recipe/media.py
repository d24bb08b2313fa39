"""Media: package repositories on the host, as ISO images or folders, that a build takes packages from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from builder import digest
from builder.inputs import RecipeContext

INDEXES = ("repodata/repomd.xml", "*/repodata/repomd.xml", "dists/*/Release", "dists/*/InRelease")
"""The files of which each names all of its repository's packages, with their digests."""

ISO_START, ISO_MAGIC = 0x8001, b"CD001"
"""Where an ISO 9660 image has its name (ECMA-119, 8.4.2)."""

HEAD = 1 << 20
"""Bytes of an image that tell it from others, with its size: they hold its volume's name, and when it was made."""


def _as_list(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else (value,)


def _find_medium(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path):
        raise ValueError("must be the path of an ISO image or a folder")
    place = info.context
    path = (place.folder if isinstance(place, RecipeContext) else Path()) / value
    try:
        if path.is_dir():
            if not any(_find_indexes(path)):
                raise ValueError(
                    f"{value} holds no packages: it has neither repodata/repomd.xml nor dists/SUITE/Release"
                )
        elif not path.exists():
            raise ValueError(f"no such file or folder: {value}")
        elif not _is_iso(path):
            raise ValueError(f"neither an ISO image nor a folder: {value}")
    except OSError as error:
        raise ValueError(f"cannot look at {value}: {error.strerror}") from error
    return path


def _is_iso(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(ISO_START)
        return file.read(len(ISO_MAGIC)) == ISO_MAGIC


def _find_indexes(folder: Path) -> Iterator[Path]:
    for pattern in INDEXES:
        yield from folder.glob(pattern)


Medium = Annotated[Path, BeforeValidator(_find_medium), WithJsonSchema({"type": "string"})]
"""An ISO image or a folder of the host, named relative to the recipe; an absolute Path once validated."""

Media = Annotated[tuple[Medium, ...], BeforeValidator(_as_list), Field(strict=False)]


def identity(media: tuple[Path, ...]) -> str:
    """What the keys of steps that take packages must know of the media; empty without any. Raises OSError.

    Quick also for a DVD: a folder by its indexes, which have the digests of all else; an image by
    its size and its beginning.
    """
    return digest.of_value([_identity(path) for path in media]) if media else ""


def _identity(path: Path) -> Any:
    if path.is_dir():
        return sorted([str(index.relative_to(path)), digest.of_file(index)] for index in _find_indexes(path))
    with path.open("rb") as file:
        return [path.stat().st_size, hashlib.sha256(file.read(HEAD)).hexdigest()]
