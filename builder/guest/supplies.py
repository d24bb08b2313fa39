"""What package managers may use while a guest is worked on and what is no part of it: the package cache, and media.

Both are disks of the build's own, mounted in the appliance; commands in the guest see them under
/run/golden, which is memory, so that nothing of them is ever on the guest's disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from builder import locks, process
from builder.appliance.appliance import Appliance, Disk
from builder.errors import ApplianceError, CommandError, HostError
from builder.events import Emit, Notice
from builder.guest.info import GuestInfo
from builder.guest.package_caches import PackageCaches

SIZE = 16 << 30
"""Bytes that the package cache holds at most. Its file is sparse, and gives back what is removed."""

FULL = 90
"""Per cent in use from which on it is begun anew."""

FOLDER = "/golden"
"""Where the disks are mounted in the appliance."""


class Supplies:
    """The package cache and the media of one build; both are plugged in when they are first asked for."""

    def __init__(self, cache: Path | None = None, media: Sequence[Path] = (), work: Path = Path()) -> None:
        """`cache` is the folder of package caches, `media` are ISO images and folders, `work` is scratch."""
        self.media = tuple(media)
        self._caches = PackageCaches(cache) if cache else None
        self._work = work
        self._cleanup = ExitStack()
        self._mounted: dict[str, str | None] = {}

    def package_cache(self, appliance: Appliance, info: GuestInfo, emit: Emit) -> str | None:
        """The folder of the appliance in which downloads last; None where there can be none.

        A cache is never a reason to fail: one that is damaged or full is begun anew, and a build
        that finds it in use does without.
        """
        if self._caches is None or not appliance.keeps_mounts:
            return None
        name = self._caches.name(info)
        if name not in self._mounted:
            try:
                self._mounted[name] = self._open_cache(self._caches, name, appliance, emit)
            except (ApplianceError, HostError, OSError) as error:
                emit(Notice(f"no package cache: {error}", warning=True))
                self._mounted[name] = None
        return self._mounted[name]

    def _open_cache(self, caches: PackageCaches, name: str, appliance: Appliance, emit: Emit) -> str | None:
        caches.folder.mkdir(parents=True, exist_ok=True)
        lock = locks.try_hold(caches.lock(name))
        if lock is None:
            emit(Notice("another build has the package cache; doing without"))
            return None
        self._cleanup.callback(lock.release)
        disk = caches.disk(name)
        if not disk.exists() or disk.stat().st_size != SIZE:
            make_file_system(disk, SIZE, staged=caches.staged(name))
        device = appliance.plug(Disk(disk, "raw"))
        place = f"{FOLDER}/packages"
        make = f"mkfs.ext4 -q -F -m 0 -E lazy_itable_init=1,lazy_journal_init=1 {device}"
        mount = f"mount -o discard,noatime {device} {place}"
        used = f"$(df --output=pcent {place} | tail -n 1 | tr -dc 0-9)"
        appliance.shell(
            f"mkdir -p {place}; {mount} || {{ {make} && {mount}; }}"
            f" && {{ [ {used} -lt {FULL} ] || {{ umount {place} && {make} && {mount}; }}; }}"
        )
        self._cleanup.callback(_take_off, appliance, device, place)
        return place

    def open_media(self, appliance: Appliance) -> list[str]:
        """The folders of the appliance with the media, in their order. Raises HostError or ApplianceError."""
        return [self._open_medium(appliance, number, path) for number, path in enumerate(self.media)]

    def _open_medium(self, appliance: Appliance, number: int, path: Path) -> str:
        place = f"{FOLDER}/media{number}"
        if place not in self._mounted:
            image = self._make_image(path, number) if path.is_dir() else path
            device = appliance.plug(Disk(image, "raw", read_only=True))
            try:
                appliance.shell(f"mkdir -p {place} && mount -o ro {device} {place}")
            except ApplianceError as error:
                raise HostError(f"{path} cannot be mounted: is it an ISO image?", details=error.details) from error
            self._mounted[place] = place
            self._cleanup.callback(_take_off, appliance, device, place)
        return place

    def _make_image(self, folder: Path, number: int) -> Path:
        """A file system with the contents of a folder: guests see no folder of the host."""
        image = self._work / f"media{number}.img"
        inside = sum(path.lstat().st_size + 4096 for path in folder.rglob("*"))
        size = inside * 11 // 10 + (32 << 20) >> 20 << 20
        make_file_system(image, size, "-d", str(folder), staged=image.with_suffix(".new"))
        return image

    def close(self) -> None:
        """Write everything and let go; the appliance must still run, or be dead."""
        self._mounted.clear()
        self._cleanup.close()


def make_file_system(file: Path, size: int, *options: str, staged: Path) -> None:
    """Make a file with an empty ext4, or one with what `options` of mke2fs(8) put in, first under the name `staged`.

    Raises HostError.
    """
    try:
        with staged.open("wb") as made:
            made.truncate(size)
        process.run(["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", *options, str(staged)])
        staged.rename(file)
    except (OSError, CommandError) as error:
        staged.unlink(missing_ok=True)
        raise HostError(f"no file system could be made in {file}", details=str(error)) from error


def _take_off(appliance: Appliance, device: str, place: str) -> None:
    # A killed appliance has nothing to unmount: the cache's journal mends what it left.
    with contextlib.suppress(ApplianceError, HostError):
        appliance.shell(f"umount {place}")
        appliance.unplug(device)
