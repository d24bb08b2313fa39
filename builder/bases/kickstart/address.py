"""The address of an install tree, for use in templates."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


class Address(str):
    """The URL of a tree; its parts are properties."""

    @property
    def protocol(self) -> str:
        """http, https or ftp."""
        return urlsplit(self).scheme

    @property
    def host(self) -> str:
        """The server's name, with its port if the URL has one."""
        return urlsplit(self).netloc.rpartition("@")[2]

    @property
    def folder(self) -> str:
        """The path on the server, without the /dists/RELEASE of a Debian mirror."""
        return re.sub(r"/dists/[^/]+/?$", "", urlsplit(self).path) or "/"

    @property
    def release(self) -> str:
        """The RELEASE in a Debian mirror's /dists/RELEASE; without it, stable."""
        found = re.search(r"/dists/([^/]+)/?$", urlsplit(self).path)
        return found[1] if found else "stable"
