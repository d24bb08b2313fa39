"""The interface to a tree's location: check whether a file exists, and read it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from builder.install_trees.stream import Stream

SILENCE = 30.0
"""Seconds without data after which a server counts as unreachable."""


class FileMissing(Exception):
    """There is no such file; the text is the location's own answer. `InstallTree` turns it into a RequestError."""


class TreeSource(ABC):
    """The location of a tree. Paths are relative to it, normalised, and use slashes; they may begin with `..`.

    Every method raises HostError if the location cannot be reached, refuses access, or sends nothing for too long.
    """

    name: str
    """The name in messages: the URL without its password, or the path."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Whether there is a file of that name. Web servers answer yes for a folder, too; no caller asks for one."""

    @abstractmethod
    def stream(self, path: str, offset: int = 0) -> AbstractContextManager[Stream]:
        """A file's bytes, from `offset` on if that is cheap, else from its beginning. Raises FileMissing."""

    def volume(self) -> str | None:
        """A digest that identifies the medium; None if the location is not a medium."""
        return None

    def close(self) -> None:
        """Close connections and files."""
        return
