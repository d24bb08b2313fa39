"""The address of this host, as seen from a guest during a build."""

from __future__ import annotations

from urllib.parse import urlsplit

GATEWAY = "169.254.2.2"
"""The address of this host's loopback interface in libguestfs's appliance (QEMU's user-mode network)."""


def to_host_url(url: str) -> str:
    """Translate a URL that a guest in the appliance uses to the URL that this host uses."""
    try:
        parts = urlsplit(url)
    except ValueError:  # not a URL; the download reports that
        return url
    if parts.hostname != GATEWAY:
        return url
    login, at, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}{place.replace(GATEWAY, '127.0.0.1')}").geturl()
