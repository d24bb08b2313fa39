"""The Debian mirror that this host's own apt is set up with."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from importlib import import_module

from builder.errors import HostError, RequestError

URL = r"^(https?://|ftp://|file:///)[!-~]+$"
"""A mirror's URL, of printable ASCII without spaces: it becomes one word of a line of apt's sources."""

URL_RULE = "must be a URL that starts with http://, https://, ftp:// or file:///, without spaces"


@dataclass(frozen=True, slots=True, order=True)
class PackageSource:
    """One repository: where it is and which suite of it."""

    uri: str
    suite: str

    @property
    def line(self) -> str:
        return f"deb {self.uri} {self.suite} main"

    @property
    def index(self) -> str:
        """The URL of the file that changes whenever one of its packages does."""
        return f"{self.uri}/dists/{self.suite}/InRelease"


def suites(release: str) -> tuple[str, str, str]:
    """The suites of a stable release: itself, its updates, its security updates."""
    return release, f"{release}-updates", f"{release}-security"


def host_sources(release: str) -> list[PackageSource]:
    """The host's repositories of Debian, turned to `release`.

    Raises HostError where the host's apt knows no Debian mirror (or there is no apt).
    """
    try:
        # The distribution's binding: it exists only where apt does.
        apt_pkg = import_module("apt_pkg")
        apt_pkg.init_config()
        listed = apt_pkg.SourceList()
        listed.read_main_list()
        entries = [(str(entry.uri).rstrip("/"), str(entry.dist)) for entry in listed.list]
    except (ImportError, SystemError) as error:
        raise no_mirror(f"apt's sources cannot be read: {error}") from error
    return turned(entries, platform.freedesktop_os_release().get("VERSION_CODENAME", ""), release)


def turned(entries: list[tuple[str, str]], host_release: str, release: str) -> list[PackageSource]:
    """The (URI, suite) entries of a Debian `host_release`, for `release` instead; pure. Raises HostError."""
    names = dict(zip(suites(host_release), suites(release), strict=True))
    found = [PackageSource(uri, names[suite]) for uri, suite in entries if suite in names]
    if not any(source.suite == release for source in found):
        raise no_mirror(f"no repository of {host_release or 'Debian'} is set up")
    return list(dict.fromkeys(found))


def named_source(mirror: str, release: str) -> list[PackageSource]:
    """The one repository that a recipe's `mirror` names. Raises RequestError."""
    if not re.fullmatch(URL, mirror):
        raise RequestError(f"not a mirror's URL: {mirror!r}")
    return [PackageSource(mirror.rstrip("/"), release)]


def no_mirror(details: str) -> HostError:
    return HostError(
        "this host's apt names no Debian mirror",
        details=details,
        hint="name one in the recipe: base: {bootstrap: {…, mirror: http://…}}",
    )
