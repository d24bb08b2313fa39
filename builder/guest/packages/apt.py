"""apt and dpkg."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping

from builder import deb822
from builder.errors import GuestError
from builder.guest.packages.manager import Package, PackageManager
from builder.indexes import digest_index


class Apt(PackageManager):
    """apt, as the guest has it configured, but without questions and without starting services."""

    QUESTIONS = "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0"
    """How dpkg answers its questions about changed configuration by itself."""

    GET = (
        f"DEBIAN_FRONTEND=noninteractive apt-get -q -y {QUESTIONS}"
        # A layer is made durable as a whole, and nobody reads package descriptions in the appliance.
        " -o Dpkg::Options::=--force-unsafe-io -o Acquire::Languages=none"
    )
    POLICY = "/usr/sbin/policy-rc.d"
    LISTS = "/var/lib/apt/lists"

    def refresh(self) -> None:
        if self.guest.index is None:
            cache = self.guest.package_cache("apt")
            if cache and not self.guest.has_media:
                # apt asks the repositories whether its lists are still theirs, and fetches only what is not.
                self.guest.query(f"mkdir -p {cache}/lists && cp -a --no-clobber {cache}/lists/. {self.LISTS}")
            # Without the mode apt-get only warns of a repository that it cannot reach or trust.
            printed = self._get("-o APT::Update::Error-Mode=any update")
            if cache and not self.guest.has_media:
                self.guest.query(f"cp -a --update {self.LISTS}/. {cache}/lists")
            self.guest.index = self._indexes(printed)
        self.guest.observe(self.guest.index)

    def install(self, names: Iterable[str]) -> None:
        self.refresh()
        self._get("install", names)

    def install_command(self, names: Iterable[str]) -> str:
        # A timer of Debian's may be at it in the very first minute.
        get = f"apt-get -q -y {self.QUESTIONS} -o DPkg::Lock::Timeout=600"
        return f"export DEBIAN_FRONTEND=noninteractive\n{get} update\n{get} install {shlex.join(names)}"

    def remove(self, names: Iterable[str]) -> None:
        self._get("purge --autoremove", names)

    def update(self) -> None:
        self.refresh()
        self._get("dist-upgrade")

    def installed(self) -> list[Package]:
        return sorted(
            Package(
                package["Package"],
                package["Version"],
                package["Architecture"],
                source=source_of(package),
                supplier=package.get("Maintainer", ""),
            )
            for package in self._status()
            if package["Status"].endswith(" installed")
        )

    def specs(self, package: Package) -> set[str]:
        names = {package.name, f"{package.name}:{package.arch}"}
        return names | {f"{name}={package.version}" for name in names}

    def provided_names(self) -> set[str]:
        provides = (
            package.get("Provides", "") for package in self._status() if package["Status"].endswith(" installed")
        )
        return {name.split()[0] for names in provides for name in names.split(",") if name.strip()}

    def unfinished(self) -> list[str]:
        done = ("ok installed", "ok config-files", "ok not-installed")
        return sorted(package["Package"] for package in self._status() if not package["Status"].endswith(done))

    def _status(self) -> Iterator[Mapping[str, str]]:
        """What dpkg's own status file says of each package: no process, and it works on any mounted disk."""
        for fields in deb822.paragraphs(self.guest.read("/var/lib/dpkg/status")):
            if "Status" in fields:
                yield fields

    def _places(self) -> Iterator[str]:
        """The options that send apt to the package cache, and to the media."""
        if cache := self.guest.package_cache("apt"):
            self.guest.mkdir(f"{cache}/archives/partial")
            yield f"-o Dir::Cache::Archives={cache}/archives"
        if self.guest.has_media:
            lines = [line for medium in self.guest.media() for line in self._find_suites(medium)]
            self.guest.write("/run/golden/sources.list", "".join(f"{line}\n" for line in lines))
            self.guest.mkdir("/run/golden/lists/partial")
            yield "-o Dir::Etc::SourceList=/run/golden/sources.list -o Dir::Etc::SourceParts=/dev/null"
            yield "-o Dir::State::Lists=/run/golden/lists"

    def _find_suites(self, medium: str) -> Iterator[str]:
        """The sources.list lines of a medium. Raises GuestError where it has no Debian repository."""
        found = False
        for folder in self.guest.glob(f"{medium}/dists/*"):
            stat = self.guest.find_stat(folder)
            releases = [path for name in ("InRelease", "Release") if self.guest.is_file(path := f"{folder}/{name}")]
            # A link is another name of a suite (stable, for one).
            if releases and stat and stat.kind == "folder":
                components = re.search(r"^Components: *(.+)$", self.guest.read(releases[0]), re.MULTILINE)
                if components:
                    found = True
                    yield f"deb file:{medium} {folder.rpartition('/')[2]} {components[1]}"
        if not found:
            raise GuestError("a medium has no repository for apt", hint="it must have dists/SUITE/Release at its top")

    def _indexes(self, printed: str) -> dict[str, str]:
        """The InRelease, or Release, of each repository that `apt-get update` told of, and its digest."""
        found = {}
        for uri, suite, name in re.findall(r"^(?:Get|Hit):\d+ (\S+) (\S+) ((?:In)?Release)\b", printed, re.MULTILINE):
            # The name of a flat repository's suite is that of its folder.
            folder = suite.rstrip("/") if suite.endswith("/") else f"dists/{suite}"
            url = f"{uri.rstrip('/')}/{folder}/{name}"
            if self.guest.is_file(copy := f"{self.LISTS}/{index_file(url)}"):
                found[url] = digest_index(self.guest.read_bytes(copy))
        return found

    def _get(self, action: str, names: Iterable[str] = ()) -> str:
        """Run apt-get and return what it printed.

        While it runs a policy forbids starting services, as no init runs in the appliance.
        """
        words = " ".join([self.GET, *self._places(), action, *(shlex.quote(name) for name in names)])
        own_policy = self.guest.exists(self.POLICY)
        if not own_policy:
            self.guest.write(self.POLICY, "#!/bin/sh\nexit 101\n", mode=0o755)
        try:
            return self.guest.run(words)
        finally:
            if not own_policy:
                self.guest.remove(self.POLICY)


def source_of(package: Mapping[str, str]) -> str:
    """The source package of a binary one, and its version; dpkg writes each only where it is another."""
    name, _, version = package.get("Source", package["Package"]).partition(" ")
    return f"{name} {version.strip('()') or package['Version']}"


def index_file(url: str) -> str:
    """The name that apt gives its copy of an index in /var/lib/apt/lists (apt's URItoFileName)."""
    unsafe = set('\\|{}[]<>"^~_=!@#$%&*')
    rest = re.sub(r"^[^/]*@", "", url.partition("://")[2])
    quoted = "".join(f"%{ord(letter):02x}" if letter in unsafe else letter for letter in rest)
    return quoted.replace("/", "_")
