"""The stores of the cache, and their entries."""

from __future__ import annotations

from dataclasses import replace

from builder import files
from builder.appliance.saved import SavedStates
from builder.bases.download import Downloads
from builder.guest.package_caches import PackageCaches
from builder.layers.disks import BuildDisks
from builder.offline.inspections import Inspections
from builder.paths import Output
from builder.storage import CacheEntry, PrunableStore
from builder.store import Store, Version


def find_stores(output: Output) -> list[PrunableStore]:
    """Every store whose entries can be freed."""
    return [
        BuildDisks(output),
        Downloads(output.downloads),
        PackageCaches(output.packages),
        SavedStates(output.appliance),
        Inspections(output.inspections),
    ]


def list_entries(output: Output) -> list[CacheEntry]:
    """All entries of all stores. Raises OSError."""
    versions = versions_by_key(Store(output.templates))
    return [
        replace(entry, version=versions.get(entry.key)) for store in find_stores(output) for entry in store.entries()
    ]


def versions_by_key(store: Store) -> dict[str, str]:
    """For the key of each layer and base: a version that a channel points to and that was built from it."""
    found: dict[str, str] = {}
    for template in store.templates():
        for name in sorted(set(store.channels(template).values())):
            version = Version(template, name, store.folder / template / name)
            actions = (files.read_json(version.manifest_file) or {}).get("actions")
            for action in actions if isinstance(actions, list) else []:
                if isinstance(action, dict):
                    found[str(action.get("key"))] = str(version)
    return found
