from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPaths, Step


def _spare_root(paths: list[str]) -> list[str]:
    if "/" in paths:
        raise ValueError("/ would empty the whole guest")
    return paths


class TruncateRecursive(
    Step, name="truncate-recursive", version=1, shorthand="paths", example="truncate-recursive: /var/log/installer"
):
    """Empty all regular files in a folder and its subfolders.

    The files keep their modes and owners. Symbolic links inside the folder are not followed.
    """

    paths: Annotated[GuestPaths, AfterValidator(_spare_root)] = Field(description="The folders, which must exist.")

    def apply(self, guest: Guest) -> None:
        for path in self.paths:
            guest.stat(path)
            if not guest.is_folder(path):
                raise GuestError(f"{path} is not a folder", hint="use `truncate` to empty a file")
            non_empty = shlex.join(["find", guest.resolve(path), "-type", "f", "-size", "+0"])
            guest.run(f"{non_empty} -exec truncate --size=0 -- {{}} +", quiet=True)

    def check(self, guest: Guest) -> Iterator[Finding]:
        for path in self.paths:
            if not guest.is_folder(path):
                yield Finding(False, f"{path} is missing")
                continue
            non_empty = shlex.join(["find", guest.resolve(path), "-type", "f", "-size", "+0", "-print", "-quit"])
            left = guest.query(non_empty)
            yield Finding(not left, f"{left} is not empty" if left else f"all files in {path} are empty")

    def kept_paths(self) -> Iterable[str]:
        return self.paths
