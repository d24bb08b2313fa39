"""What the guests of dnf, yum and zypper have in common: the database of rpm, and repositories in ini files."""

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
"""What rpm is asked of each package: the fields of Package, with tabs between."""

KEYS = "gpg-pubkey"
"""The name under which rpm's database keeps the keys that it trusts."""

KEPT_BESIDE = ("kernel",)
"""How the names of packages begin of which several versions may be installed at once."""


class Rpm(PackageManager):
    """A package manager that works on rpm's database."""

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
        if ":" in package.version:  # yum's older way
            exact.add(f"{package.version.partition(':')[0]}:{name}-{plain}")
        return {name, f"{name}.{arch}", *exact, *(f"{one}.{arch}" for one in exact)}

    def provided_names(self) -> set[str]:
        return {line for line in self._query(r"[%{PROVIDENAME}\n]") if line}

    def unfinished(self) -> list[str]:
        """An update that was cut short leaves the old version beside the new one."""
        count = Counter((package.name, package.arch) for package in self.installed())
        return sorted({name for (name, _), times in count.items() if times > 1 and not name.startswith(KEPT_BESIDE)})

    # --- keys --------------------------------------------------------------------------------

    def import_key(self, path: str) -> None:
        """Take the key in a file of the guest into rpm's keyring. Raises CommandError for what is no key."""
        self.guest.run(f"rpm --import {shlex.quote(path)}")

    def has_key(self, key: bytes) -> bool:
        """Whether a public key is in rpm's keyring."""
        return first_packet(key) in {first_packet(text.encode()) for text in self._kept_keys()}

    def _kept_keys(self) -> list[str]:
        """The keys in rpm's keyring, armoured, as their packages' descriptions have them."""
        end = "-----END PGP PUBLIC KEY BLOCK-----"
        text = "\n".join(self._query(r"%{DESCRIPTION}\n", KEYS))
        return [part + end for part in text.split(end)[:-1]]

    def _query(self, layout: str, name: str = "") -> list[str]:
        """What rpm's database says of each installed package, or of those of one name; a line each."""
        # The audit's disk is read-only, and rpm wants to write beside its database: it gets a copy in memory.
        command = (
            f"path=$(rpm -E %_dbpath); rpm=rpm; if ! [ -w $path ]; then"
            f" cp -r $path /run/golden-rpm && rpm='rpm --dbpath /run/golden-rpm'; fi;"
            f" $rpm -qa {name} --qf {shlex.quote(layout)}; status=$?; rm -rf /run/golden-rpm; exit $status"
        )
        return self.guest.query(command).splitlines()

    # --- media -------------------------------------------------------------------------------

    def media_folder(self) -> str:
        """A folder, in memory, with the repositories of the media and no other; signatures are checked.

        Raises GuestError for a medium without any.
        """
        sections = []
        for number, medium in enumerate(self.guest.media()):
            found = self.guest.glob(f"{medium}/repodata/repomd.xml", f"{medium}/*/repodata/repomd.xml")
            if not found:
                raise GuestError("a medium has no repository for rpm", hint="it must have repodata/repomd.xml")
            for path in found:
                root = path.removesuffix("/repodata/repomd.xml")
                name = "-".join(["golden", f"media{number}", *root.removeprefix(medium).split("/")[1:]])
                sections.append(f"[{name}]\nname={name}\nbaseurl=file://{root}\nenabled=1\ngpgcheck=1\n")
        self.guest.write("/run/golden/repos/golden-media.repo", "\n".join(sections))
        return "/run/golden/repos"

    # --- repositories ------------------------------------------------------------------------

    def _enabled(self) -> Iterator[tuple[str, configparser.SectionProxy]]:
        """The id and settings of each repository in use."""
        for path in self.guest.glob(f"{self.repositories}/*.repo"):
            # Interpolation off: % is a letter of addresses. What is no ini file the package manager refuses itself.
            config = configparser.ConfigParser(interpolation=None, strict=False)
            config.read_string(self.guest.read(path), source=path)
            for section in config.sections():
                if config[section].get("enabled", "1").strip().lower() in ("1", "yes", "true", "on"):
                    yield section, config[section]

    def _indexes(self, cache: str) -> dict[str, str]:
        """The repomd.xml of each repository in use by its address, and its SHA-256; `cache` is where they were put."""
        listed = self.guest.query(f"cd {cache} 2>/dev/null && find . -name repomd.xml -exec sha256sum {{}} + || true")
        sums = {
            path.removeprefix("./"): sha256 for sha256, path in (line.split(None, 1) for line in listed.splitlines())
        }
        found: dict[str, str] = {}
        for name, settings in () if self.guest.has_media else self._enabled():
            for path, sha256 in sums.items():
                if _is_of(path, name) and (url := self._find_url(settings, f"{cache}/{path}")):
                    found[f"{url.rstrip('/')}/repodata/repomd.xml"] = sha256
        return found

    def _find_url(self, settings: configparser.SectionProxy, repomd: str) -> str | None:
        """The repository's address with dnf's variables put in; of a list of mirrors, the first."""
        given = settings.get("baseurl", "").split()
        if not given:
            mirrors = f"{repomd.rpartition('/repodata/')[0]}/mirrorlist"
            given = [line for line in self._read_lines(mirrors) if "://" in line and not line.startswith("#")]
        return self._put_in(given[0]) if given else None

    def _put_in(self, url: str) -> str:
        info = self.guest.info
        release = f"{info.major}.{info.minor}" if info.family == "suse" else f"{info.major}"
        known = {"releasever": release, "basearch": info.arch, "arch": info.arch}
        for folder in ("/etc/yum/vars", "/etc/dnf/vars"):
            known.update({name: self.guest.read(f"{folder}/{name}").strip() for name in self.guest.ls(folder)})
        for name in sorted(known, key=len, reverse=True):
            url = url.replace(f"${{{name}}}", known[name]).replace(f"${name}", known[name])
        return url

    def _read_lines(self, path: str) -> Iterable[str]:
        return self.guest.read(path).splitlines() if self.guest.is_file(path) else ()


def _is_of(path: str, repository: str) -> bool:
    """Whether a file in a cache of indexes is a repository's: below a folder ID, or ID-HASH as dnf has it."""
    folder = re.compile(rf"{re.escape(repository)}(-[0-9a-f]{{16}})?")
    return any(folder.fullmatch(part) for part in path.split("/"))


def first_packet(key: bytes) -> bytes:
    """The first packet of a public key, which makes it this key, without names and signatures; empty for no key.

    OpenPGP (RFC 4880): armour is base64 between an empty line and one that begins with =, the
    checksum; a packet's header has a tag with one bit for its format, and a length.
    """
    if b"-----BEGIN PGP PUBLIC KEY BLOCK-----" in key:
        text = key.partition(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")[2].partition(b"-----END")[0]
        lines = text.replace(b"\r", b"").split(b"\n\n", 1)[-1].split()
        key = base64.b64decode(b"".join(line for line in lines if not line.startswith(b"=")))
    if len(key) < 6:
        return b""
    if key[0] & 0x40:  # the new format: one, two or five octets, by the first of them
        width = 1 if key[1] < 192 else 2 if key[1] < 255 else 5
        length = {1: key[1], 2: (key[1] - 192 << 8) + key[2] + 192, 5: int.from_bytes(key[2:6], "big")}[width]
    else:
        width = 1 << (key[0] & 3)
        length = int.from_bytes(key[1 : 1 + width], "big")
    return key[1 + width : 1 + width + length]
