"""The guest's own package manager, in the words of steps."""

from __future__ import annotations

import fnmatch
import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from builder.errors import GuestError
from builder.guest.guest import Guest


@dataclass(frozen=True, slots=True, order=True)
class Package:
    name: str
    version: str
    arch: str


class PackageManager(ABC):
    """Installs and removes packages in one guest. Methods raise CommandError with the manager's own words."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    @abstractmethod
    def refresh(self) -> None:
        """Fetch the package index, once a session and again after `forget_index`."""

    def forget_index(self) -> None:
        """The repositories changed: the next `refresh` fetches."""
        self.guest.index = None

    @abstractmethod
    def install(self, names: Iterable[str]) -> None: ...

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Remove packages with their configuration, and what was installed only for their sake."""

    @abstractmethod
    def update(self) -> None:
        """Bring every installed package to its newest version."""

    @abstractmethod
    def installed(self) -> list[Package]:
        """Every installed package, sorted."""

    @abstractmethod
    def provided(self) -> set[str]:
        """The names that installed packages provide besides their own."""

    @abstractmethod
    def unfinished(self) -> list[str]:
        """The names of packages that an installation or removal left half done, sorted."""

    def matching(self, patterns: Sequence[str]) -> list[str]:
        """The names of installed packages that match any of the globs."""
        names = {package.name for package in self.installed()}
        return sorted(name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns))


class Apt(PackageManager):
    """apt, as the guest has it configured, but without questions and without starting services."""

    GET = (
        "DEBIAN_FRONTEND=noninteractive apt-get -q -y"
        " -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0"
        # A layer is made durable as a whole, and nobody reads package descriptions in the appliance.
        " -o Dpkg::Options::=--force-unsafe-io -o Acquire::Languages=none"
    )
    POLICY = "/usr/sbin/policy-rc.d"

    def refresh(self) -> None:
        if self.guest.index is None:
            # Without the mode apt-get only warns of a repository that it cannot reach or trust.
            printed = self._get("-o APT::Update::Error-Mode=any update")
            self.guest.index = self._indexes(printed)
        self.guest.observe(self.guest.index)

    def install(self, names: Iterable[str]) -> None:
        self.refresh()
        self._get("install", names)

    def remove(self, names: Iterable[str]) -> None:
        self._get("purge --autoremove", names)

    def update(self) -> None:
        self.refresh()
        self._get("dist-upgrade")

    def installed(self) -> list[Package]:
        return sorted(
            Package(package["Package"], package["Version"], package["Architecture"])
            for package in self._status()
            if package["Status"].endswith(" installed")
        )

    def provided(self) -> set[str]:
        provides = (
            package.get("Provides", "") for package in self._status() if package["Status"].endswith(" installed")
        )
        return {name.split()[0] for names in provides for name in names.split(",") if name.strip()}

    def unfinished(self) -> list[str]:
        done = ("ok installed", "ok config-files", "ok not-installed")
        return sorted(package["Package"] for package in self._status() if not package["Status"].endswith(done))

    def _status(self) -> Iterator[dict[str, str]]:
        """What dpkg's own status file says of each package: no process, and it works on any mounted disk."""
        for paragraph in self.guest.read("/var/lib/dpkg/status").split("\n\n"):
            fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
            if "Status" in fields:
                yield fields

    def _indexes(self, printed: str) -> dict[str, str]:
        """The InRelease of each repository that `apt-get update` told of, and its SHA-256."""
        sums = {
            path.rpartition("/")[2]: sha256
            for sha256, path in (
                line.split() for line in self.guest.ask("sha256sum /var/lib/apt/lists/*InRelease || true").splitlines()
            )
        }
        found = {}
        for uri, suite in re.findall(r"^(?:Get|Hit):\d+ (\S+) (\S+) InRelease", printed, re.MULTILINE):
            url = f"{uri.rstrip('/')}/dists/{suite}/InRelease"
            if (copy := index_file(url)) in sums:
                found[url] = sums[copy]
        return found

    def _get(self, action: str, names: Iterable[str] = ()) -> str:
        """Run apt-get and return what it printed.

        While it runs a policy forbids starting services, as no init runs in the appliance.
        """
        words = " ".join([self.GET, action, *(shlex.quote(name) for name in names)])
        own_policy = self.guest.exists(self.POLICY)
        if not own_policy:
            self.guest.write(self.POLICY, "#!/bin/sh\nexit 101\n", mode=0o755)
        try:
            return self.guest.run(words)
        finally:
            if not own_policy:
                self.guest.remove(self.POLICY)


def index_file(url: str) -> str:
    """The name that apt gives its copy of an index in /var/lib/apt/lists (apt's URItoFileName)."""
    unsafe = set('\\|{}[]<>"^~_=!@#$%&*')
    rest = re.sub(r"^[^/]*@", "", url.partition("://")[2])
    quoted = "".join(f"%{ord(letter):02x}" if letter in unsafe else letter for letter in rest)
    return quoted.replace("/", "_")


def of(guest: Guest) -> PackageManager:
    """The guest's package manager. Raises GuestError for a guest that has none we know."""
    managers = {"apt": Apt}
    name = guest.info.package_manager
    if name not in managers:
        raise GuestError(
            f"{guest.info.product} uses the package manager {name!r}, which golden cannot drive",
            hint="known are " + ", ".join(managers),
        )
    return managers[name](guest)
