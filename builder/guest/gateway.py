"""This host as guests see it while they are built."""

from __future__ import annotations

from urllib.parse import urlsplit

GATEWAY = "169.254.2.2"
"""This host's loopback address, seen from an appliance of libguestfs (QEMU's user-mode network)."""


def to_host_url(url: str) -> str:
    """The URL with which this host reaches what a guest in the appliance reaches at `url`."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL at all; whoever is asked for it will say so
        return url
    if parts.hostname != GATEWAY:
        return url
    login, at, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}{place.replace(GATEWAY, '127.0.0.1')}").geturl()
