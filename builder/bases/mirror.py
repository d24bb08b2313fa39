"""The Debian mirrors that this host's own apt is configured with."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from importlib import import_module

from builder.errors import HostError, RequestError

URL = r"^(https?://|ftp://|file:///)[!-~]+$"
"""A mirror's URL: printable ASCII without spaces, because it becomes one word of a line in apt's sources."""

URL_RULE = "must be a URL that starts with http://, https://, ftp:// or file:///, without spaces"


@dataclass(frozen=True, slots=True, order=True)
class PackageSource:
    """One suite of a repository."""

    uri: str
    suite: str

    @property
    def line(self) -> str:
        return f"deb {self.uri} {self.suite} main"

    @property
    def index(self) -> str:
        """The URL of the suite's index, which changes whenever one of its packages does."""
        return f"{self.uri}/dists/{self.suite}/InRelease"


def suites(release: str) -> tuple[str, str, str]:
    """The suites of a stable release: the release, its updates and its security updates."""
    return release, f"{release}-updates", f"{release}-security"


def host_sources(release: str) -> list[PackageSource]:
    """The host's Debian repositories, switched to `release`.

    Raises HostError if the host's apt has no Debian mirror, or if there is no apt.
    """
    try:
        # This binding comes from the distribution, and exists only on hosts with apt.
        apt_pkg = import_module("apt_pkg")
        apt_pkg.init_config()
        listed = apt_pkg.SourceList()
        listed.read_main_list()
        entries = [(str(entry.uri).rstrip("/"), str(entry.dist)) for entry in listed.list]
    except (ImportError, SystemError) as error:
        raise no_mirror_error(f"cannot read apt's sources: {error}") from error
    return switch_release(entries, platform.freedesktop_os_release().get("VERSION_CODENAME", ""), release)


def switch_release(entries: list[tuple[str, str]], host_release: str, release: str) -> list[PackageSource]:
    """The (URI, suite) entries of a host for `host_release`, switched to `release`. Raises HostError."""
    names = dict(zip(suites(host_release), suites(release), strict=True))
    found = [PackageSource(uri, names[suite]) for uri, suite in entries if suite in names]
    if not any(source.suite == release for source in found):
        raise no_mirror_error(f"no repository of {host_release or 'Debian'} is configured")
    return list(dict.fromkeys(found))


def named_source(mirror: str, release: str) -> list[PackageSource]:
    """The repository at a recipe's `mirror`. Raises RequestError."""
    if not re.fullmatch(URL, mirror):
        raise RequestError(f"invalid mirror URL: {mirror!r}", details=URL_RULE)
    return [PackageSource(mirror.rstrip("/"), release)]


def no_mirror_error(details: str) -> HostError:
    return HostError(
        "this host's apt has no Debian mirror",
        details=details,
        hint="set one in the recipe: base: {bootstrap: {…, mirror: http://…}}",
    )
