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
    """A finished disk in a cache, and its record (JSON): how it was made.

    `id` identifies this very file. Another run of the same action writes other blocks, so a layer is only valid on
    the file that it was made on.
    """

    key: str
    disk: Path
    record: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.record["id"])


@dataclass(frozen=True, slots=True)
class Generation:
    """The newest generation of a key whose layer is stale.

    The stale layer is not replaced, because others may be based on it. Instead the action gets a new key, derived
    from the old one and `nonce`. `because` says in a few words what changed.
    """

    nonce: str
    because: str


class LayerCache:
    """A folder of immutable disks.

    ::

        FOLDER/
        ├── KEY.qcow2        the disk; a layer names its backing relative to this folder
        ├── KEY.json         its record, written last: without it there is no entry
        ├── KEY.fresh        the newest generation of a key whose layer is stale; outlives that layer
        ├── .OWNER-N.qcow2   a running build is writing it
        ├── .KEY.*.tmp       a record or generation that is being written
        ├── .KEY.lock        held while a build makes this entry
        └── .lock            held during a commit

    An unreadable or incomplete entry counts as absent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def disk(self, key: str) -> Path:
        """The path of the disk with that key, which need not exist."""
        return self.folder / f"{key}.qcow2"

    def marker(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def find(self, key: str, parent: Layer | None = None) -> Layer | None:
        """The finished disk with that key that is based on this very `parent`; None if there is none."""
        record = files.read_json(self.marker(key))
        disk = self.disk(key)
        if record is None or not disk.exists() or record.get("parent") != (parent.id if parent else None):
            return None
        return Layer(key, disk, record) if "id" in record else None

    def generation(self, key: str) -> Generation | None:
        """The newest generation of a key; None if its layer was never stale."""
        path = self._pointer(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        known = files.read_json(path) or {}
        if isinstance(known.get("nonce"), str):
            return Generation(known["nonce"], str(known.get("because", "")))
        # A stale layer stays stale: if the newest generation is unreadable, another one begins.
        return Generation(digest.of_value(content.hex()), "the record of its last rebuild is damaged")

    def renew(self, key: str, generation: Generation) -> None:
        """Begin a new generation of a key; the layers before it are stale. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locks.held(self.folder / ".lock"):
            files.write_json(self._pointer(key), {"nonce": generation.nonce, "because": generation.because})

    def _pointer(self, key: str) -> Path:
        return self.folder / f"{key}.fresh"

    def staging(self, owner: str, number: int) -> Path:
        """A path for a new disk, in this folder so that the relative names in its header stay valid."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f".{owner}-{number}.qcow2"

    @contextlib.contextmanager
    def making(self, key: str, *, on_wait: Callable[[], None]) -> Iterator[None]:
        """Let only one build at a time look for this entry and make it; `on_wait` is called once before waiting.

        This saves doing the same work twice; nothing else depends on it. Raises HostError.
        """
        lock = self.folder / f".{key}.lock"
        with locks.held(lock, on_wait=on_wait):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)

    def abandon(self, owner: str) -> None:
        """Remove the disks of an owner that were not committed."""
        for path in self.folder.glob(f".{owner}-*.qcow2"):
            path.unlink(missing_ok=True)

    def sweep(self, alive: Collection[str]) -> None:
        """Remove what owners left here that are not among `alive`."""
        if not self.folder.is_dir():
            return
        for path in self.folder.glob(".*-*.qcow2"):
            if path.name[1:].rpartition("-")[0] not in alive:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(".?*.lock"):
            if lock := locks.try_hold(path):
                path.unlink(missing_ok=True)
                lock.release()
        # Records and generations are written with the lock held, so nobody is writing these.
        with locks.held(self.folder / ".lock"):
            for path in self.folder.glob(".*.tmp"):
                path.unlink(missing_ok=True)

    def commit(self, key: str, staged: Path, record: Mapping[str, Any], parent: Layer | None = None) -> bool:
        """Add a finished disk, durably. Returns False if another build added it first; `staged` stays as it is then.

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
        """Record that an entry was used, so that it is freed later; False if it was freed already."""
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
                useless = "its disk file is missing"
            paths = tuple(path for path in (markers.get(key), disks.get(key)) if path)
            title, own, parent = (text_of(record, name) for name in ("title", "id", "parent"))
            entry = find_entry(kind, key, paths, title=title, id=own or None, parent=parent or None, useless=useless)
            if entry:
                in_use = running_since is not None and entry.used >= running_since and not useless
                yield replace(entry, in_use="a running build" if in_use else None)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody find or commit a disk; a folder that does not exist is not made. Raises HostError."""
        with locks.held(self.folder / ".lock") if self.folder.is_dir() else contextlib.nullcontext():
            yield
