"""Facts about files upstream, remembered for the next request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from builder import digest, files
from builder.install_trees.url import shown


class UpstreamMemory:
    """Small facts about URLs, by kind.

    ::

        FOLDER/DIGEST.json   one fact, under the digest of its kind and its URL without the password

    A noted fact is known to this object at once, and to others after `save`, so that a plan, which writes nothing,
    can note facts too. An unreadable fact counts as unknown.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._noted: dict[Path, dict[str, Any]] = {}

    def find(self, kind: str, url: str) -> dict[str, Any] | None:
        path = self._path(kind, url)
        return self._noted.get(path) or files.read_json(path)

    def note(self, kind: str, url: str, fact: dict[str, Any]) -> None:
        record = {"kind": kind, "url": shown(url), **fact}
        if self.find(kind, url) != record:
            self._noted[self._path(kind, url)] = record

    def save(self) -> None:
        """Write the noted facts. Raises OSError."""
        if self._noted:
            self._folder.mkdir(parents=True, exist_ok=True)
        for path in [*self._noted]:
            files.write_json(path, self._noted.pop(path))

    def _path(self, kind: str, url: str) -> Path:
        return self._folder / f"{digest.of_value([kind, shown(url)])}.json"
