"""The common base of dnf, yum and zypper: rpm's database, and repositories in ini files."""

from __future__ import annotations

import base64
import configparser
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import ClassVar

from builder.errors import GuestError
from builder.guest.packages.manager import Package, PackageManager

ROW = (
    r"%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}"
    r"\t%|SOURCERPM?{%{SOURCERPM}}|\t%|VENDOR?{%{VENDOR}}|\t%|LICENSE?{%{LICENSE}}|\n"
)
"""The query format for rpm: the fields of Package, separated by tabs."""

KEYS = "gpg-pubkey"
"""The package name of trusted keys in rpm's database."""

MULTIVERSION = ("kernel",)
"""The name prefixes of packages that may be installed in several versions."""


class Rpm(PackageManager):
    """A package manager based on rpm."""

    repositories: ClassVar[str]
    """The folder with the repositories' ini files."""

    def installed(self) -> list[Package]:
        rows = (line.split("\t") for line in self._query(ROW))
        return sorted(Package(*row) for row in rows if row[0] != KEYS)

    def specs(self, package: Package) -> set[str]:
        name, arch = package.name, package.arch
        plain = package.version.rpartition(":")[2]
        versions = {
            package.version,
            plain,
            plain.rpartition("-")[0],
            f"0:{plain}" if plain == package.version else plain,
        }
        exact = {f"{name}-{version}" for version in versions}
        if ":" in package.version:  # an older form of yum
            exact.add(f"{package.version.partition(':')[0]}:{name}-{plain}")
        return {name, f"{name}.{arch}", *exact, *(f"{one}.{arch}" for one in exact)}

    def provided_names(self) -> set[str]:
        return {line for line in self._query(r"[%{PROVIDENAME}\n]") if line}

    def unfinished(self) -> list[str]:
        """The names of packages that are installed twice: an interrupted update leaves the old version."""
        count = Counter((package.name, package.arch) for package in self.installed())
        return sorted({name for (name, _), times in count.items() if times > 1 and not name.startswith(MULTIVERSION)})

    # --- keys --------------------------------------------------------------------------------

    def import_key(self, path: str) -> None:
        """Import the key in a file of the guest into rpm's keyring. Raises CommandError if it is not a key."""
        self.guest.run(f"rpm --import {shlex.quote(path)}")

    def has_key(self, key: bytes) -> bool:
        """Whether a public key is in rpm's keyring."""
        return first_packet(key) in {first_packet(text.encode()) for text in self._kept_keys()}

    def _kept_keys(self) -> list[str]:
        """The armoured keys in rpm's keyring, from the descriptions of their packages."""
        end = "-----END PGP PUBLIC KEY BLOCK-----"
        text = "\n".join(self._query(r"%{DESCRIPTION}\n", KEYS))
        return [part + end for part in text.split(end)[:-1]]

    def _query(self, layout: str, name: str = "") -> list[str]:
        """Query rpm's database for all installed packages, or those of one name. Return the lines of the output."""
        # rpm must be able to write beside its database. During an audit the disk is read-only: use a copy in memory.
        command = (
            f"path=$(rpm -E %_dbpath); rpm=rpm; if ! [ -w $path ]; then"
            f" cp -r $path /run/golden-rpm && rpm='rpm --dbpath /run/golden-rpm'; fi;"
            f" $rpm -qa {name} --qf {shlex.quote(layout)}; status=$?; rm -rf /run/golden-rpm; exit $status"
        )
        return self.guest.query(command).splitlines()

    # --- media -------------------------------------------------------------------------------

    def media_folder(self) -> str:
        """Write a folder, in memory, that configures the repositories of the media; signatures are checked.

        Raises GuestError if a medium has no repository.
        """
        sections = []
        for number, (medium, file) in enumerate(zip(self.guest.media(), self.guest.media_files, strict=True)):
            found = self.guest.glob(f"{medium}/repodata/repomd.xml", f"{medium}/*/repodata/repomd.xml")
            if not found:
                raise GuestError(
                    f"the medium {file} has no rpm repository",
                    hint="set `media:` to a medium with a file repodata/repomd.xml",
                )
            for path in found:
                root = path.removesuffix("/repodata/repomd.xml")
                name = "-".join(["golden", f"media{number}", *root.removeprefix(medium).split("/")[1:]])
                sections.append(f"[{name}]\nname={name}\nbaseurl=file://{root}\nenabled=1\ngpgcheck=1\n")
        self.guest.write("/run/golden/repos/golden-media.repo", "\n".join(sections))
        return "/run/golden/repos"

    # --- repositories ------------------------------------------------------------------------

    def _enabled(self) -> Iterator[tuple[str, configparser.SectionProxy]]:
        """The id and settings of each enabled repository."""
        for path in self.guest.glob(f"{self.repositories}/*.repo"):
            # No interpolation: URLs may contain %.
            config = configparser.ConfigParser(interpolation=None, strict=False)
            config.read_string(self.guest.read(path), source=path)
            for section in config.sections():
                if config[section].get("enabled", "1").strip().lower() in ("1", "yes", "true", "on"):
                    yield section, config[section]

    def _indexes(self, cache: str) -> dict[str, str]:
        """The SHA-256 of each enabled repository's repomd.xml, by its URL. `cache` is the folder of fetched indexes."""
        listed = self.guest.query(f"cd {cache} 2>/dev/null && find . -name repomd.xml -exec sha256sum {{}} + || true")
        sums = {
            path.removeprefix("./"): sha256 for sha256, path in (line.split(None, 1) for line in listed.splitlines())
        }
        found: dict[str, str] = {}
        for name, settings in () if self.guest.has_media else self._enabled():
            for path, sha256 in sums.items():
                if _belongs_to(path, name) and (url := self._find_url(settings, f"{cache}/{path}")):
                    found[f"{url.rstrip('/')}/repodata/repomd.xml"] = sha256
        return found

    def _find_url(self, settings: configparser.SectionProxy, repomd: str) -> str | None:
        """The repository's URL with dnf's variables replaced; the first one of a mirror list."""
        urls = settings.get("baseurl", "").split()
        if not urls:
            mirrors = f"{repomd.rpartition('/repodata/')[0]}/mirrorlist"
            urls = [line for line in self._read_lines(mirrors) if "://" in line and not line.startswith("#")]
        return self._replace_variables(urls[0]) if urls else None

    def _replace_variables(self, url: str) -> str:
        info = self.guest.info
        release = f"{info.major}.{info.minor}" if info.family == "suse" else f"{info.major}"
        variables = {"releasever": release, "basearch": info.arch, "arch": info.arch}
        for folder in ("/etc/yum/vars", "/etc/dnf/vars"):
            variables.update({name: self.guest.read(f"{folder}/{name}").strip() for name in self.guest.ls(folder)})
        for name in sorted(variables, key=len, reverse=True):
            url = url.replace(f"${{{name}}}", variables[name]).replace(f"${name}", variables[name])
        return url

    def _read_lines(self, path: str) -> Iterable[str]:
        return self.guest.read(path).splitlines() if self.guest.is_file(path) else ()


def _belongs_to(path: str, repository: str) -> bool:
    """Whether a fetched index belongs to a repository: it is below a folder ID, or for dnf ID-HASH."""
    folder = re.compile(rf"{re.escape(repository)}(-[0-9a-f]{{16}})?")
    return any(folder.fullmatch(part) for part in path.split("/"))


def first_packet(key: bytes) -> bytes:
    """The body of a public key's first packet: the key itself, without names and signatures; empty if it is not a key.

    OpenPGP (RFC 4880): armour is base64 between an empty line and the checksum, a line that begins with =. A packet's
    header has a tag with one bit for its format, and a length.
    """
    if b"-----BEGIN PGP PUBLIC KEY BLOCK-----" in key:
        text = key.partition(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")[2].partition(b"-----END")[0]
        lines = text.replace(b"\r", b"").split(b"\n\n", 1)[-1].split()
        key = base64.b64decode(b"".join(line for line in lines if not line.startswith(b"=")))
    if len(key) < 6:
        return b""
    if key[0] & 0x40:  # new format: a length of one, two or five octets, depending on the first one
        width = 1 if key[1] < 192 else 2 if key[1] < 255 else 5
        length = {1: key[1], 2: (key[1] - 192 << 8) + key[2] + 192, 5: int.from_bytes(key[2:6], "big")}[width]
    else:
        width = 1 << (key[0] & 3)
        length = int.from_bytes(key[1 : 1 + width], "big")
    return key[1 + width : 1 + width + length]
