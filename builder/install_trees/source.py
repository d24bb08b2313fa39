"""What every place of a tree can do: tell whether a file is there, and give its bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from builder.install_trees.stream import Stream

SILENCE = 30.0
"""Seconds without a byte after which a server counts as gone."""


class FileMissing(Exception):
    """There is no such file; the text is how the place said so. `Tree` makes an error for users of it."""


class TreeSource(ABC):
    """A tree's place. Paths are relative to it, with slashes, and normalised; a leading `..` goes to what is beside it.

    Every method raises HostError where the place cannot be reached, refuses or is silent for too long.
    """

    name: str
    """What a message calls it: the URL without its password, or the path."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Whether there is a file of that name. Of a folder, which nobody asks for, web servers say so too."""

    @abstractmethod
    def stream(self, path: str, offset: int = 0) -> AbstractContextManager[Stream]:
        """A file's bytes, from `offset` on where that is cheap, else from its beginning. Raises Absent."""

    def volume(self) -> str | None:
        """A digest that tells this medium from others, where the place is one."""
        return None

    def close(self) -> None:
        """Let go of what is open."""
        return
