"""An appliance of libguestfs alone."""

from __future__ import annotations

from pathlib import Path

import guestfs

from builder.appliance.appliance import Appliance, Disk, StartMethod
from builder.appliance.handle import ApplianceSettings, launch, new_handle


class PlainAppliance(Appliance):
    """libguestfs on its own, the last resort: every change of disks is a new start of the appliance.

    It starts when its handle is next used, so that between a checkpoint and that the file below can
    be given its name. Disks are called /dev/sda, /dev/sdb, …
    """

    start_method: StartMethod = "plain"
    keeps_mounts = False

    def __init__(self, settings: ApplianceSettings, accelerator_kind: str) -> None:
        """Start once, to know that it works. Raises ApplianceError."""
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
            starting = new_handle(self._settings, self._accelerator)
            for disk in self._disks or [Disk(Path("/dev/null"), "raw")]:
                starting.add_drive_opts(
                    str(disk.file),
                    format=disk.format,
                    # libguestfs lays an overlay of its own over these, and minds no lock.
                    readonly=disk.read_only or disk.discard_writes,
                    cachemode="writeback" if disk.durable else "unsafe",
                    discard="besteffort",
                )
            try:
                launch(starting)
            except BaseException:
                starting.close()
                raise
            self._running = starting
            self.pid = starting.get_pid()
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
