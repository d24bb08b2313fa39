"""apt and dpkg."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from builder import deb822
from builder.errors import GuestError
from builder.guest.packages.manager import Package, PackageManager
from builder.indexes import digest_index


class Apt(PackageManager):
    """apt with the guest's own configuration. It asks no questions and starts no services."""

    QUESTIONS = "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0"
    """Options that make dpkg keep changed configuration files instead of asking."""

    GET = (
        f"DEBIAN_FRONTEND=noninteractive apt-get -q -y {QUESTIONS}"
        # golden syncs a layer as a whole, and nobody reads package descriptions in the appliance.
        " -o Dpkg::Options::=--force-unsafe-io -o Acquire::Languages=none"
    )
    POLICY = "/usr/sbin/policy-rc.d"
    LISTS = "/var/lib/apt/lists"

    def refresh(self) -> None:
        if self.guest.index is None:
            cache = self.guest.package_cache("apt")
            if cache and not self.guest.has_media:
                # apt checks whether the cached lists are current, and only fetches the others.
                self.guest.query(f"mkdir -p {cache}/lists && cp -a --no-clobber {cache}/lists/. {self.LISTS}")
            # Without this mode, apt-get only warns about repositories that it cannot reach or trust.
            printed = self._get("-o APT::Update::Error-Mode=any update")
            if cache and not self.guest.has_media:
                self.guest.query(f"cp -a --update {self.LISTS}/. {cache}/lists")
            self.guest.index = self._indexes(printed)
        self.guest.observe(self.guest.index)

    def install(self, names: Iterable[str]) -> None:
        self.refresh()
        self._get("install", names)

    def install_command(self, names: Iterable[str]) -> str:
        # One of Debian's timers may hold the lock in the first minutes after boot.
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
        """The paragraphs of dpkg's status file. Reading it needs no process, and works on a read-only disk."""
        for fields in deb822.paragraphs(self.guest.read("/var/lib/dpkg/status")):
            if "Status" in fields:
                yield fields

    def _location_options(self) -> Iterator[str]:
        """The options that make apt use the package cache and the media."""
        if cache := self.guest.package_cache("apt"):
            self.guest.mkdir(f"{cache}/archives/partial")
            yield f"-o Dir::Cache::Archives={cache}/archives"
        if self.guest.has_media:
            media = zip(self.guest.media(), self.guest.media_files, strict=True)
            lines = [line for folder, file in media for line in self._find_suites(folder, file)]
            self.guest.write("/run/golden/sources.list", "".join(f"{line}\n" for line in lines))
            self.guest.mkdir("/run/golden/lists/partial")
            yield "-o Dir::Etc::SourceList=/run/golden/sources.list -o Dir::Etc::SourceParts=/dev/null"
            yield "-o Dir::State::Lists=/run/golden/lists"

    def _find_suites(self, medium: str, file: Path) -> Iterator[str]:
        """The sources.list lines of a medium, mounted from a host's file. Raises GuestError if it has none."""
        found = False
        for folder in self.guest.glob(f"{medium}/dists/*"):
            stat = self.guest.find_stat(folder)
            releases = [path for name in ("InRelease", "Release") if self.guest.is_file(path := f"{folder}/{name}")]
            # A link is an alias of a suite, such as stable.
            if releases and stat and stat.kind == "folder":
                components = re.search(r"^Components: *(.+)$", self.guest.read(releases[0]), re.MULTILINE)
                if components:
                    found = True
                    yield f"deb file:{medium} {folder.rpartition('/')[2]} {components[1]}"
        if not found:
            raise GuestError(
                f"the medium {file} has no apt repository",
                hint="set `media:` to a medium with a file dists/SUITE/Release or dists/SUITE/InRelease",
            )

    def _indexes(self, printed: str) -> dict[str, str]:
        """The digest of each index (InRelease or Release) that `apt-get update` listed, by its URL."""
        found = {}
        for uri, suite, name in re.findall(r"^(?:Get|Hit):\d+ (\S+) (\S+) ((?:In)?Release)\b", printed, re.MULTILINE):
            # The suite of a flat repository is the name of its folder.
            folder = suite.rstrip("/") if suite.endswith("/") else f"dists/{suite}"
            url = f"{uri.rstrip('/')}/{folder}/{name}"
            if self.guest.is_file(copy := f"{self.LISTS}/{index_file(url)}"):
                found[url] = digest_index(self.guest.read_bytes(copy))
        return found

    def _get(self, action: str, names: Iterable[str] = ()) -> str:
        """Run apt-get and return its output.

        A policy-rc.d forbids starting services meanwhile, because no init runs in the appliance.
        """
        words = " ".join([self.GET, *self._location_options(), action, *(shlex.quote(name) for name in names)])
        has_policy = self.guest.exists(self.POLICY)
        if not has_policy:
            self.guest.write(self.POLICY, "#!/bin/sh\nexit 101\n", mode=0o755)
        try:
            return self.guest.run(words)
        finally:
            if not has_policy:
                self.guest.remove(self.POLICY)


def source_of(package: Mapping[str, str]) -> str:
    """The source package of a binary package, and its version. dpkg only records them if they differ."""
    name, _, version = package.get("Source", package["Package"]).partition(" ")
    return f"{name} {version.strip('()') or package['Version']}"


def index_file(url: str) -> str:
    """The file name of apt's copy of an index in /var/lib/apt/lists (apt's URItoFileName)."""
    unsafe = set('\\|{}[]<>"^~_=!@#$%&*')
    rest = re.sub(r"^[^/]*@", "", url.partition("://")[2])
    quoted = "".join(f"%{ord(letter):02x}" if letter in unsafe else letter for letter in rest)
    return quoted.replace("/", "_")
