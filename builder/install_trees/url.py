"""URLs of trees, and of the files in them."""

from __future__ import annotations

import posixpath
from urllib.parse import quote, urlsplit


def beside(url: str, path: str) -> str:
    """The URL of a tree's file; `..` is resolved, as not every server does."""
    parts = urlsplit(url)
    return parts._replace(path=posixpath.normpath(posixpath.join("/", parts.path, quote(path)))).geturl()


def shown(url: str) -> str:
    """A URL as a message may have it: without the password."""
    try:
        parts = urlsplit(url)
        secret = parts.password
    except ValueError:  # no URL at all; whoever is asked for it will say so
        return url
    if secret is None:
        return url
    return parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}").geturl()
