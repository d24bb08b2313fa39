from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field, model_validator

from builder.errors import HostError
from builder.findings import Finding
from builder.guest import trees
from builder.guest.guest import Guest
from builder.inputs import InputFile
from builder.steps.step import GuestPath, Step


class TarIn(Step, name="tar-in", version=1, example="tar-in: {source: files/app.tar.gz, path: /opt}"):
    """Unpack a tar archive from the host into a folder of the guest.

    The archive may be compressed with gzip, bzip2, xz or zstd. Files keep their modes and numeric
    owners. Where the archive has a folder and the guest a symbolic link to a folder, the link is
    followed.
    """

    source: InputFile = Field(description="The archive, relative to the recipe.")
    path: GuestPath = Field(description="The folder to unpack into. It is created if it does not exist.")

    @model_validator(mode="after")
    def _check_readable(self) -> TarIn:
        try:
            _ = self._tree
        except OSError as error:
            raise ValueError(f"cannot read {self.source.name}: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(f"{self.source.name}: {error}") from error
        except HostError as error:  # the host lacks the decompression tool
            raise ValueError(f"{self.source.name}: {error.message}; {error.hint}") from error
        return self

    @functools.cached_property
    def _tree(self) -> trees.Tree:
        return trees.of_archive(self.source)

    def apply(self, guest: Guest) -> None:
        with trees.open_archive(self.source) as stream:
            guest.unpack(Path(f"/dev/fd/{stream.fileno()}"), self.path)

    def check(self, guest: Guest) -> Iterator[Finding]:
        yield trees.compare(guest, self.path, self._tree, self.source.name)

    def kept_paths(self) -> Iterable[str]:
        return trees.paths(self.path, self._tree)
