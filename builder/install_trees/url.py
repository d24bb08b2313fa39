"""URLs of trees and of the files in them."""

from __future__ import annotations

import posixpath
from urllib.parse import quote, urlsplit


def file_url(url: str, path: str) -> str:
    """The URL of a file in a tree. `..` is resolved here, because not every server does."""
    parts = urlsplit(url)
    return parts._replace(path=posixpath.normpath(posixpath.join("/", parts.path, quote(path)))).geturl()


def is_well_formed(url: str) -> bool:
    """Whether urllib can take a URL apart; `http://[bad/` is none."""
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


def shown(url: str) -> str:
    """A URL for messages: without its password."""
    try:
        parts = urlsplit(url)
        secret = parts.password
    except ValueError:  # not a valid URL: opening it will fail with a clear error
        return url
    if secret is None:
        return url
    return parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}").geturl()
