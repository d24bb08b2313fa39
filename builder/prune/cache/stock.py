"""What is in the caches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from builder import files, locks
from builder.layers.work import running_since
from builder.paths import Output
from builder.store import Store, Version

Kind = Literal["base", "layer", "download", "packages", "appliance", "inspection"]


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Something in a cache.

    `paths` are to be removed in their order: without the first one there is no entry. `used` is when
    it was of use last, in seconds since 1970, `bytes` what it takes on the disk. A layer has the `id`
    of this very file, and of the one on which it stands. `useless` says why nothing will ever use it,
    `in_use` who does now; `made` is a version that a channel names and that was made of it: a recipe that
    did not change for long has not used it, and goes on from it when it does.
    """

    kind: Kind
    key: str
    paths: tuple[Path, ...]
    bytes: int
    used: float
    title: str = ""
    id: str | None = None
    parent: str | None = None
    useless: str | None = None
    in_use: str | None = None
    made: str | None = None


def take_stock(output: Output) -> list[CacheEntry]:
    """All entries of all caches. Raises OSError.

    Generations of keys (KEY.fresh) are none: a few bytes each, without which a recipe would be built anew.
    """
    running = running_since(output)
    found = [*_disks("base", output.bases, running), *_disks("layer", output.layers, running)]
    made = _made_of(Store(output.templates))
    found = [_with(entry, made=made.get(entry.key)) for entry in found]
    others = (look(output) for look in (_downloads, _packages, _appliances, _inspections))
    return [*_without_ground(found), *itertools.chain.from_iterable(others)]


def _made_of(store: Store) -> dict[str, str]:
    """The keys of what the versions that channels name were made of."""
    made: dict[str, str] = {}
    for template in store.templates():
        for name in sorted(set(store.channels(template).values())):
            version = Version(template, name, store.folder / template / name)
            actions = (files.read_json(version.manifest_file) or {}).get("actions")
            for action in actions if isinstance(actions, list) else []:
                if isinstance(action, dict):
                    made[str(action.get("key"))] = str(version)
    return made


def _disks(kind: Literal["base", "layer"], folder: Path, running: float | None) -> Iterator[CacheEntry]:
    """The entries of a cache of disks; see `builder.layers.Cache`."""
    if not folder.is_dir():
        return
    disks = {path.stem: path for path in folder.glob("[!.]*.qcow2")}
    markers = {path.stem: path for path in folder.glob("[!.]*.json")}
    for key in sorted({*disks, *markers}):
        record = files.read_json(markers[key]) if key in markers else None
        paths = tuple(path for path in (markers.get(key), disks.get(key)) if path)
        useless = None
        if key not in markers or record is None or not isinstance(record.get("id"), str):
            useless = "it was never finished"
        elif key not in disks:
            useless = "its disk is gone"
        record = record or {}
        entry = _entry(kind, key, paths, title=_text(record, "title"), id=_text(record, "id") or None)
        if entry:
            busy = running is not None and entry.used >= running and not useless
            parent = _text(record, "parent") or None
            yield _with(entry, parent=parent, useless=useless, in_use="a build under way" if busy else None)


def _without_ground(entries: list[CacheEntry]) -> Iterator[CacheEntry]:
    """The same entries; those whose parent was replaced or is gone are useless, and so is what stands on them."""
    known = {entry.id: entry for entry in entries if entry.id and not entry.useless}
    whole: dict[str | None, bool] = {None: True}

    def stands(name: str | None) -> bool:
        way = []
        while name not in whole:
            way.append(name)
            name = known[name].parent if name in known else ""
            whole.setdefault("", False)
            if name in way:  # a circle, which no build makes
                name = ""
        whole.update(dict.fromkeys(way, whole[name]))
        return whole[name]

    for entry in entries:
        lost = entry.useless is None and not stands(entry.parent)
        yield _with(entry, useless="what it stands on was replaced, or is gone") if lost else entry


def _downloads(output: Output) -> Iterator[CacheEntry]:
    """Whole ones, and parts, from which a download goes on."""
    for path in _glob(output.downloads, "[!.]*"):
        busy = is_held(path.with_name(f".{path.name.removesuffix('.part')}.lock"))
        title = "the part of a download" if path.suffix == ".part" else ""
        if entry := _entry("download", path.name, (path,), title=title):
            yield _with(entry, in_use="a download under way" if busy else None)


def _packages(output: Output) -> Iterator[CacheEntry]:
    for path in (*_glob(output.packages, "[!.]*.raw"), *_glob(output.packages, ".*.raw.new")):
        half = path.name.startswith(".")
        name = path.name.removesuffix(".new").removeprefix("." if half else "").removesuffix(".raw")
        busy = is_held(path.with_name(f"{name}.lock"))
        if entry := _entry("packages", path.name.removesuffix(".raw"), (path,), title=name):
            useless = "it was never finished" if half and not busy else None
            yield _with(entry, useless=useless, in_use="a build under way" if busy else None)


def _appliances(output: Output) -> Iterator[CacheEntry]:
    saving = is_held(output.appliance / ".lock")
    for folder in _glob(output.appliance, "*"):
        if not folder.is_dir():
            continue
        marker = folder / "state.json"
        inside = sorted((path for path in folder.iterdir() if path != marker), key=lambda path: path.name)
        whole = marker.exists() and not folder.name.startswith(".")
        paths = (*([marker] if marker.exists() else []), *inside, folder)
        if entry := _entry("appliance", folder.name, paths, title="a saved appliance"):
            useless = None if whole or saving else "it was never finished"
            yield _with(entry, useless=useless, in_use="another golden" if saving and not whole else None)


def _inspections(output: Output) -> Iterator[CacheEntry]:
    for path in _glob(output.inspections, "[!.]*.json"):
        disk: Any = (files.read_json(path) or {}).get("disk")
        title = _text(disk, "path") if isinstance(disk, dict) else ""
        if entry := _entry("inspection", path.stem, (path,), title=title):
            yield entry


def _entry(kind: Kind, key: str, paths: Iterable[Path], *, title: str = "", id: str | None = None) -> CacheEntry | None:
    """None where it is gone meanwhile. Its first file has the time of its last use."""
    paths = tuple(paths)
    with suppress(FileNotFoundError):
        found = [path.stat() for path in paths]
        return CacheEntry(kind, key, paths, sum(each.st_blocks for each in found) * 512, found[0].st_mtime, title, id)
    return None


def _with(entry: CacheEntry, **changes: str | None) -> CacheEntry:
    return replace(entry, **changes)  # type: ignore[arg-type]


def _glob(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern)) if folder.is_dir() else []


def _text(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def is_held(path: Path) -> bool:
    """Whether another process holds that lock. Raises OSError."""
    if not path.exists():
        return False
    lock = locks.try_hold(path)
    if lock:
        lock.release()
    return lock is None
