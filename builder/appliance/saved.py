"""The store of saved appliances."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from builder import files, locks
from builder.storage import UNFINISHED, CacheEntry, Kind, PrunableStore, find_entry, list_files

MAX_STATES = 3
"""How many saved appliances are kept. A new kernel or QEMU makes the older ones useless."""

MARKER = "state.json"


@dataclass(frozen=True, slots=True)
class SavedState:
    """One saved appliance.

    ::

        cache/appliance/KEY/
        ├── ram          the machine's memory and devices: QEMU's migration stream
        ├── root.qcow2   what the boot wrote to the appliance's root disk
        └── state.json   written last: without it there is no saved appliance; its mtime is the last use
    """

    folder: Path

    @property
    def key(self) -> str:
        return self.folder.name

    @property
    def ram(self) -> Path:
        return self.folder / "ram"

    @property
    def root(self) -> Path:
        return self.folder / "root.qcow2"

    @property
    def marker(self) -> Path:
        return self.folder / MARKER

    @property
    def exists(self) -> bool:
        return files.read_json(self.marker) is not None

    def mark_used(self) -> None:
        """Record that it was used now. The least recently used ones are removed first."""
        with suppress(OSError):
            os.utime(self.marker)

    def discard(self) -> None:
        """Remove a saved appliance that could not be restored."""
        self.marker.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class SavedStates(PrunableStore):
    """The saved appliances of one host.

    ::

        FOLDER/
        ├── KEY/      one saved appliance
        ├── .KEY.*/   one that is being saved
        ├── .lock     held while an appliance is saved
        └── hv        the script that libguestfs runs in place of QEMU; see `builder.appliance.launcher`
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({"appliance"})

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def state(self, key: str) -> SavedState:
        """The saved appliance with that key; it need not exist."""
        return SavedState(self.folder / key)

    def oldest_first(self) -> list[SavedState]:
        """The saved appliances, least recently used first."""
        markers = sorted(self.folder.glob(f"[!.]*/{MARKER}"), key=lambda marker: marker.stat().st_mtime)
        return [SavedState(marker.parent) for marker in markers]

    def saving(self) -> AbstractContextManager[None]:
        """Hold the lock for saving an appliance. Raises HostError."""
        return locks.held(self._lock)

    def stage(self, key: str) -> SavedState:
        """Create an empty folder for an appliance to save, and remove unfinished ones of killed processes.

        Call it while holding `saving`. Raises OSError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for abandoned in self.folder.glob(".*.*/"):
            shutil.rmtree(abandoned, ignore_errors=True)
        return SavedState(Path(tempfile.mkdtemp(prefix=f".{key}.", dir=self.folder)))

    def commit(self, staged: SavedState, key: str) -> None:
        """Publish a finished state under its key, and remove the oldest ones. Appliances that use them keep running."""
        state = self.state(key)
        shutil.rmtree(state.folder, ignore_errors=True)
        staged.folder.rename(state.folder)
        for old in self.oldest_first()[:-MAX_STATES]:
            old.discard()

    @property
    def _lock(self) -> Path:
        return self.folder / ".lock"

    def entries(self) -> Iterator[CacheEntry]:
        saving = locks.is_held(self._lock)
        for folder in list_files(self.folder, "*"):
            if not folder.is_dir():
                continue
            state = SavedState(folder)
            whole = state.marker.exists() and not folder.name.startswith(".")
            inside = sorted(path for path in folder.iterdir() if path != state.marker)
            entry = find_entry(
                "appliance",
                state.key,
                (*([state.marker] if state.marker.exists() else []), *inside, folder),
                title="a saved appliance",
                useless=None if whole or saving else UNFINISHED,
                in_use="another golden process" if saving and not whole else None,
            )
            if entry:
                yield entry
