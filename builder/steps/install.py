from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest import packages
from builder.guest.guest import Guest
from builder.steps.step import PackageName, Step


class Install(
    Step, name="install", version=1, takes_packages=True, shorthand="packages", example="install: [lftp, lrzsz]"
):
    """Install packages with the guest's package manager."""

    packages: list[PackageName] = Field(
        description="Package names, optionally with version and architecture: `name:arch=version` for apt,"
        " `name-version.arch` for other package managers.",
        min_length=1,
    )

    def apply(self, guest: Guest) -> None:
        packages.of(guest).install(self.packages)

    def check(self, guest: Guest) -> Iterator[Finding]:
        manager = packages.of(guest)
        installed = {spelling: package for package in manager.installed() for spelling in manager.specs(package)}
        provided = manager.provided_names()
        for wanted in self.packages:
            if package := installed.get(wanted):
                yield Finding(True, f"{package.name} {package.version} is installed")
            elif wanted in provided:
                yield Finding(True, f"{wanted} is provided by an installed package")
            else:
                yield Finding(False, f"{wanted} is not installed")
