"""An appliance that libguestfs starts alone, without hot-plug and saved state."""

from __future__ import annotations

from pathlib import Path

import guestfs

from builder.appliance.appliance import Appliance, Disk, StartMethod
from builder.appliance.handle import ApplianceSettings, launch, new_handle


class PlainAppliance(Appliance):
    """libguestfs alone, the last resort: each change of disks restarts the appliance.

    It restarts when its handle is used next, so that the file below a checkpoint can be renamed before. Disks are
    named /dev/sda, /dev/sdb, …
    """

    start_method: StartMethod = "plain"
    keeps_mounts = False

    def __init__(self, settings: ApplianceSettings, accelerator_kind: str) -> None:
        """Start the appliance once, to prove that it works. Raises ApplianceError."""
        self._settings = settings
        self._accelerator = accelerator_kind
        self._disks: list[Disk] = []
        self._running: guestfs.GuestFS | None = None
        _ = self.handle

    output_port = None
    output_file = None

    @property
    def handle(self) -> guestfs.GuestFS:
        if self._running is None:
            handle = new_handle(self._settings, self._accelerator)
            for disk in self._disks or [Disk(Path("/dev/null"), "raw")]:
                handle.add_drive_opts(
                    str(disk.file),
                    format=disk.format,
                    # libguestfs puts an overlay of its own over read-only disks, and ignores their locks.
                    readonly=disk.read_only or disk.discard_writes,
                    cachemode="writeback" if disk.durable else "unsafe",
                    discard="besteffort",
                )
            try:
                launch(handle)
            except BaseException:
                handle.close()
                raise
            self._running = handle
            self.pid = handle.get_pid()
        return self._running

    def plug(self, disk: Disk) -> str:
        self.close()
        self._disks.append(disk)
        return f"/dev/sd{chr(ord('a') + len(self._disks) - 1)}"

    def unplug(self, device: str) -> None:
        self.close()
        del self._disks[ord(device[-1]) - ord("a")]

    def checkpoint(self, device: str, overlay: Disk) -> None:
        self.close()
        self._disks[ord(device[-1]) - ord("a")] = overlay

    def close(self) -> None:
        if self._running is not None:
            super().close()
            self._running = self.pid = None
