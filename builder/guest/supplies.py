"""The package sources of a build that are not part of the guest: the package cache and the media.

Both are separate disks, mounted in the appliance. Commands in the guest see them below /run/golden. That folder is
in memory, so nothing of them is written to the guest's disk.
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
from builder.sizes import write_hint

SIZE = 16 << 30
"""The size of a package cache in bytes. Its file is sparse, and shrinks when packages are removed."""

FULL = 90
"""The fill level, in per cent, at which a package cache is emptied."""

FOLDER = "/golden"
"""Where the disks are mounted in the appliance."""


class Supplies:
    """The package cache and the media of one build. Each is plugged on first use."""

    def __init__(self, cache: Path | None = None, media: Sequence[Path] = (), work: Path = Path()) -> None:
        """`cache` is the folder of package caches, `media` are ISO images and folders, `work` is a scratch folder."""
        self.media = tuple(media)
        self._caches = PackageCaches(cache) if cache else None
        self._work = work
        self._cleanup = ExitStack()
        self._mounted: dict[str, str | None] = {}

    def package_cache(self, appliance: Appliance, info: GuestInfo, emit: Emit) -> str | None:
        """The appliance's folder for downloads; None if the build has no package cache.

        A cache never makes a build fail: a damaged or full cache is emptied, and a build continues without one that
        is in use.
        """
        if self._caches is None or not appliance.keeps_mounts:
            return None
        name = self._caches.name(info)
        if name not in self._mounted:
            try:
                self._mounted[name] = self._open_cache(self._caches, name, appliance, emit)
            except (ApplianceError, HostError, OSError) as error:
                emit(Notice(f"building without the package cache: {error}", warning=True))
                self._mounted[name] = None
        return self._mounted[name]

    def _open_cache(self, caches: PackageCaches, name: str, appliance: Appliance, emit: Emit) -> str | None:
        caches.folder.mkdir(parents=True, exist_ok=True)
        lock = locks.try_hold(caches.lock(name))
        if lock is None:
            emit(Notice("another build uses the package cache; building without it"))
            return None
        self._cleanup.callback(lock.release)
        disk = caches.disk(name)
        if not disk.exists() or disk.stat().st_size != SIZE:
            make_file_system(disk, SIZE, staged=caches.staged(name))
        device = appliance.plug(Disk(disk, "raw"))
        folder = f"{FOLDER}/packages"
        make = f"mkfs.ext4 -q -F -m 0 -E lazy_itable_init=1,lazy_journal_init=1 {device}"
        mount = f"mount -o discard,noatime {device} {folder}"
        used = f"$(df --output=pcent {folder} | tail -n 1 | tr -dc 0-9)"
        appliance.shell(
            f"mkdir -p {folder}; {mount} || {{ {make} && {mount}; }}"
            f" && {{ [ {used} -lt {FULL} ] || {{ umount {folder} && {make} && {mount}; }}; }}"
        )
        self._cleanup.callback(_detach, appliance, device, folder)
        return folder

    def open_media(self, appliance: Appliance) -> list[str]:
        """Mount the media and return their folders in the appliance, in order. Raises HostError or ApplianceError."""
        return [self._open_medium(appliance, number, path) for number, path in enumerate(self.media)]

    def _open_medium(self, appliance: Appliance, number: int, path: Path) -> str:
        folder = f"{FOLDER}/media{number}"
        if folder not in self._mounted:
            image = self._make_image(path, number) if path.is_dir() else path
            device = appliance.plug(Disk(image, "raw", read_only=True))
            try:
                appliance.shell(f"mkdir -p {folder} && mount -o ro {device} {folder}")
            except ApplianceError as error:
                kind = "" if path.is_dir() else " as an ISO image"
                raise HostError(
                    f"cannot mount the medium {path}{kind}",
                    details=error.details,
                    hint="check that the file is complete, and correct `media:` if it is no ISO image"
                    if kind
                    else None,
                ) from error
            self._mounted[folder] = folder
            self._cleanup.callback(_detach, appliance, device, folder)
        return folder

    def _make_image(self, folder: Path, number: int) -> Path:
        """Create a disk image with the content of a folder, because guests cannot access the host's folders."""
        image = self._work / f"media{number}.img"
        content = sum(path.lstat().st_size + 4096 for path in folder.rglob("*"))
        size = content * 11 // 10 + (32 << 20) >> 20 << 20
        make_file_system(image, size, "-d", str(folder), staged=image.with_suffix(".new"))
        return image

    def close(self) -> None:
        """Unmount and unplug everything. Call it before the appliance is closed."""
        self._mounted.clear()
        self._cleanup.close()


def make_file_system(file: Path, size: int, *options: str, staged: Path) -> None:
    """Create a file with an ext4 file system of `size` bytes; `options` of mke2fs(8) can fill it.

    It is created as `staged` and then renamed. Raises HostError.
    """
    try:
        with staged.open("wb") as image:
            image.truncate(size)
        process.run(["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", *options, str(staged)])
        staged.rename(file)
    except (OSError, CommandError) as error:
        staged.unlink(missing_ok=True)
        raise HostError(
            f"cannot create the disk image {file}", details=str(error), hint=write_hint(file.parent)
        ) from error


def _detach(appliance: Appliance, device: str, folder: str) -> None:
    # This fails if the appliance was killed; the file system's journal then repairs the cache at the next mount.
    with contextlib.suppress(ApplianceError, HostError):
        appliance.shell(f"umount {folder}")
        appliance.unplug(device)
