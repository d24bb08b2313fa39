"""Disks under keys, with commit markers."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from builder import digest, files, locks
from builder.storage import UNFINISHED, CacheEntry, Kind, find_entry, list_files, text_of


@dataclass(frozen=True, slots=True)
class Layer:
    """A finished disk in a cache, and the record of how it came about (JSON).

    Its `id` is this very file's: the same key made again has other blocks, and what stood on the old
    file does not stand on the new one.
    """

    key: str
    disk: Path
    record: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.record["id"])


@dataclass(frozen=True, slots=True)
class Generation:
    """What is newest of a key whose layer turned out to be stale.

    That layer is not replaced, as others may stand on it: the action goes on under a key of its own,
    made of the old one and `nonce`. `because` says what had moved, in a few words.
    """

    nonce: str
    because: str


class LayerCache:
    """A folder of immutable disks.

    ::

        FOLDER/
        ├── KEY.qcow2        the disk; a layer names its backing relative to this folder
        ├── KEY.json         its record, written last: without it there is no entry
        ├── KEY.fresh        the newest generation of a key whose layer is stale, which outlives that layer
        ├── .OWNER-N.qcow2   being written by a running build
        ├── .KEY.*.tmp       the same of a record, or of a generation
        ├── .KEY.lock        held while a build makes that entry
        └── .lock            held for the moment of a commit

    What is unreadable or half there counts as absent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def disk(self, key: str) -> Path:
        """Where the disk of that key is, or will be."""
        return self.folder / f"{key}.qcow2"

    def marker(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def find(self, key: str, parent: Layer | None = None) -> Layer | None:
        """The finished disk of that key, standing on that very `parent`; None where there is none."""
        record = files.read_json(self.marker(key))
        disk = self.disk(key)
        if record is None or not disk.exists() or record.get("parent") != (parent.id if parent else None):
            return None
        return Layer(key, disk, record) if "id" in record else None

    def generation(self, key: str) -> Generation | None:
        """The newest generation of a key; None where its own layer was never found stale."""
        path = self._pointer(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        known = files.read_json(path) or {}
        if isinstance(known.get("nonce"), str):
            return Generation(known["nonce"], str(known.get("because", "")))
        # What once was stale is so for ever: without its name the newest generation is made anew.
        return Generation(digest.of_value(content.hex()), "its newest generation is not known any more")

    def renew(self, key: str, generation: Generation) -> None:
        """Begin a generation of a key: what was newest by now is stale. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locks.held(self.folder / ".lock"):
            files.write_json(self._pointer(key), {"nonce": generation.nonce, "because": generation.because})

    def _pointer(self, key: str) -> Path:
        return self.folder / f"{key}.fresh"

    def staging(self, owner: str, number: int) -> Path:
        """A file to write a coming disk to. It stands here, so that its header's relative names hold."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f".{owner}-{number}.qcow2"

    @contextlib.contextmanager
    def making(self, key: str, *, on_wait: Callable[[], None]) -> Iterator[None]:
        """Be the one who looks for that entry, and makes it; `on_wait` is called once where another does.

        It spares doing the same work twice; nothing else depends on it. Raises HostError.
        """
        lock = self.folder / f".{key}.lock"
        with locks.held(lock, on_wait=on_wait):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)

    def abandon(self, owner: str) -> None:
        """Remove what an owner was writing and has not committed."""
        for path in self.folder.glob(f".{owner}-*.qcow2"):
            path.unlink(missing_ok=True)

    def sweep(self, alive: Collection[str]) -> None:
        """Remove what owners left here that are no longer alive."""
        if not self.folder.is_dir():
            return
        for path in self.folder.glob(".*-*.qcow2"):
            if path.name[1:].rpartition("-")[0] not in alive:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(".?*.lock"):
            if lock := locks.try_hold(path):
                path.unlink(missing_ok=True)
                lock.release()
        # Records and generations are written with the lock held: what is there now, nobody finishes.
        with locks.held(self.folder / ".lock"):
            for path in self.folder.glob(".*.tmp"):
                path.unlink(missing_ok=True)

    def commit(self, key: str, staged: Path, record: Mapping[str, Any], parent: Layer | None = None) -> bool:
        """Take a finished disk in, durably. False when somebody else's came first; `staged` is then untouched.

        Raises OSError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locks.held(self.folder / ".lock"):
            if self.find(key, parent):
                return False
            self.marker(key).unlink(missing_ok=True)
            staged.chmod(0o444)
            files.move(staged, self.disk(key))
            identity = {"id": uuid.uuid4().hex, "parent": parent.id if parent else None}
            files.write_json(self.marker(key), {**identity, **record})
        return True

    def used(self, layer: Layer) -> bool:
        """Remember that an entry is of use now, so that it is not freed; False where it was freed just now."""
        marker = self.marker(layer.key)
        with locks.held(self.folder / ".lock"):
            if (files.read_json(marker) or {}).get("id") != layer.id:
                return False
            with contextlib.suppress(OSError):
                os.utime(marker)
        return True

    def entries(self, kind: Kind, running_since: float | None = None) -> Iterator[CacheEntry]:
        """Its disks, unfinished ones included, as entries of that kind. Raises OSError.

        In use are those that were used after `running_since`, when the oldest running build began. Generations
        (KEY.fresh) are no entries: they take a few bytes each, and without one a recipe would be rebuilt.
        """
        disks = {path.stem: path for path in list_files(self.folder, "[!.]*.qcow2")}
        markers = {path.stem: path for path in list_files(self.folder, "[!.]*.json")}
        for key in sorted({*disks, *markers}):
            record = (files.read_json(markers[key]) if key in markers else None) or {}
            useless = None
            if not isinstance(record.get("id"), str):
                useless = UNFINISHED
            elif key not in disks:
                useless = "its disk is gone"
            paths = tuple(path for path in (markers.get(key), disks.get(key)) if path)
            title, own, parent = (text_of(record, name) for name in ("title", "id", "parent"))
            entry = find_entry(kind, key, paths, title=title, id=own or None, parent=parent or None, useless=useless)
            if entry:
                in_use = running_since is not None and entry.used >= running_since and not useless
                yield replace(entry, in_use="a build under way" if in_use else None)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody find or commit a disk; a folder that does not exist is not made. Raises HostError."""
        with locks.held(self.folder / ".lock") if self.folder.is_dir() else contextlib.nullcontext():
            yield
