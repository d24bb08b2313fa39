"""The place of an install tree, as a template sees it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


class Address(str):
    """A tree's URL, as text, and its parts by name."""

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
        """The path on the server; of a Debian mirror without its /dists/RELEASE."""
        return re.sub(r"/dists/[^/]+/?$", "", urlsplit(self).path) or "/"

    @property
    def release(self) -> str:
        """The RELEASE of a Debian mirror's /dists/RELEASE, and stable without that."""
        found = re.search(r"/dists/([^/]+)/?$", urlsplit(self).path)
        return found[1] if found else "stable"
