from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest import packages
from builder.guest.guest import Guest
from builder.steps.step import PackageName, Step


class Install(Step, name="install", version=1, shorthand="packages", example="install: [lftp, lrzsz]"):
    """Install packages with the guest's own package manager."""

    packages: list[PackageName] = Field(
        description="Names of packages, where it matters with `:arch` and `=version`.", min_length=1
    )

    def apply(self, guest: Guest) -> None:
        packages.of(guest).install(self.packages)

    def check(self, guest: Guest) -> Iterator[Finding]:
        manager = packages.of(guest)
        installed, provided = manager.installed(), manager.provided()
        for wanted in self.packages:
            name, arch, version = _parts(wanted)
            found = next(
                (package for package in installed if package.name == name and arch in (None, package.arch)), None
            )
            if found is not None:
                yield Finding(version in (None, found.version), f"{name} {found.version} is installed")
            elif name in provided:
                yield Finding(True, f"{name} is provided by an installed package")
            else:
                yield Finding(False, f"{wanted} is not installed")


def _parts(wanted: str) -> tuple[str, str | None, str | None]:
    """The name, architecture and version that `name:arch=version` asks for."""
    name, arch, version = re.fullmatch(r"([^:=]+)(?::([^=]+))?(?:=(.+))?", wanted).groups()  # type: ignore[union-attr]
    return name, arch, version
