"""An appliance with a monitor of QEMU beside libguestfs's channel."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import guestfs

from builder import disks
from builder.appliance.appliance import Appliance, Disk, StartMethod
from builder.appliance.qmp import Monitor
from builder.appliance.state import idle_machine
from builder.errors import ApplianceError, HostError

PLUG_DEADLINE = 60.0
"""Seconds within which a plugged disk must appear in the appliance; 0.6 s is usual."""

AT_ONCE = 10
"""Disks that are plugged together at most: the PCI bus has about twenty places."""

LOG_PORT = "golden.log"
DRIVER = "virtio-blk-pci"


def require_hotplug(qemu: str, argv: list[str]) -> None:
    """Raise ApplianceError if the machine of that command line takes no disk while it runs.

    Machines without a bus for it (virt on arm64) tell nobody until a disk is plugged. This one is not
    even started, so that asking takes 0.1 s.
    """
    with idle_machine(qemu, argv, "-S") as monitor:
        monitor.execute("blockdev-add", **{"node-name": "trial", "driver": "null-co"})
        monitor.execute("device_add", driver=DRIVER, id="trial-device", drive="trial")


class HotplugAppliance(Appliance):
    """An appliance with a QMP monitor: disks come and go, and are frozen, while it runs."""

    keeps_mounts = True

    def __init__(
        self, start_method: StartMethod, handle: guestfs.GuestFS, monitor: Monitor, scratch: Path, argv: list[str]
    ) -> None:
        """`argv` is the command line that libguestfs chose for it."""
        self.start_method = start_method
        self.argv = argv
        self.pid = handle.get_pid()
        self._handle = handle
        self._monitor = monitor
        self._scratch = scratch
        self._names = (f"golden{number}" for number in range(1, 10_000))
        self._plugged: dict[str, str] = {}
        self._nodes: dict[str, str] = {}
        self._thrown_away: set[str] = set()
        self._port: str | None = None

    def _open_output_port(self) -> str:
        self.output_file.touch()
        self._monitor.execute(
            "chardev-add",
            id="golden-log",
            backend={"type": "file", "data": {"out": str(self.output_file), "append": True}},
        )
        self._monitor.execute(
            "device_add", driver="virtserialport", chardev="golden-log", name=LOG_PORT, id="golden-log"
        )
        return "/dev/" + self._wait_for(f"grep -lsx {LOG_PORT} /sys/class/virtio-ports/*/name").split("/")[4]

    def _wait_for(self, search: str) -> str:
        """Ask the appliance until it finds something, and return that."""
        deadline = time.monotonic() + PLUG_DEADLINE
        while not (found := self.shell(f"{search} || true").strip()):
            if time.monotonic() > deadline:
                raise ApplianceError(f"a plugged device did not appear within {PLUG_DEADLINE:.0f} s", details=search)
            time.sleep(0.02)
        return found.splitlines()[0]

    @property
    def handle(self) -> guestfs.GuestFS:
        return self._handle

    @property
    def output_port(self) -> str:
        # Whoever only looks at files needs none.
        if self._port is None:
            self._port = self._open_output_port()
        return self._port

    @property
    def output_file(self) -> Path:
        return self._scratch / "output"

    def plug(self, disk: Disk) -> str:
        return self._find_device(self._insert(disk))

    def plug_each(self, disks: Sequence[Disk]) -> Iterator[str]:
        # The appliance takes its time to see a disk come or go: meanwhile the caller works on another.
        for start in range(0, len(disks), AT_ONCE):
            leaving = []
            for name in [self._insert(disk) for disk in disks[start : start + AT_ONCE]]:
                device = self._find_device(name)
                yield device
                self._begin_unplug(device)
                leaving.append(device)
            for device in leaving:
                self._end_unplug(device)

    def _insert(self, disk: Disk) -> str:
        """Offer a disk to the appliance, under a new name, its serial number."""
        name = next(self._names)
        node = self._overlay(name, disk) if disk.discard_writes else self._node(name, disk)
        self._monitor.execute("blockdev-add", **node)
        self._monitor.execute(
            "device_add", driver=DRIVER, id=f"{name}-device", drive=name, serial=name, werror="report"
        )
        return name

    def _find_device(self, name: str) -> str:
        """Wait for the disk of that name, and return its device in the appliance."""
        device = self._wait_for(
            f"found=$(grep -lsx {name} /sys/block/vd*/serial) && udevadm settle"
            " && found=${found%/serial} && ls /dev/${found##*/}"
        )
        self._plugged[device] = self._nodes[device] = name
        return device

    def _node(self, name: str, disk: Disk) -> dict[str, object]:
        """A block node for a disk.

        Named without need, `force-share` keeps QEMU from making the node read-only at a checkpoint (it then cannot
        be reopened), and the layer below stays locked to all others.
        """
        return {
            "node-name": name,
            "driver": disk.format,
            "read-only": disk.read_only,
            **({"force-share": True} if disk.shared else {}),
            "discard": "unmap",
            "cache": {"no-flush": not disk.durable, "direct": False},
            "file": {"driver": "file", "filename": str(disk.file), "discard": "unmap"},
        }

    def _overlay(self, name: str, disk: Disk) -> dict[str, object]:
        """A block node that takes what is written to a disk; the disk's own comes to be below it."""
        below = _below(name)
        self._monitor.execute("blockdev-add", **self._node(below, replace(disk, read_only=True)))
        nodes = self._monitor.execute("query-named-block-nodes", flat=True)
        size = next(node["image"]["virtual-size"] for node in nodes if node["node-name"] == below)
        overlay = self._scratch / f"{name}.qcow2"
        disks.create(overlay, size)
        self._thrown_away.add(name)
        return {**self._node(name, Disk(overlay)), "backing": below}

    def unplug(self, device: str) -> None:
        self._begin_unplug(device)
        self._end_unplug(device)

    def _begin_unplug(self, device: str) -> None:
        self._monitor.execute("device_del", id=f"{self._plugged[device]}-device")

    def _end_unplug(self, device: str) -> None:
        name = self._plugged.pop(device)
        if not self._monitor.find_event("DEVICE_DELETED", device=f"{name}-device", timeout=PLUG_DEADLINE):
            raise ApplianceError(f"the appliance does not let go of {device}")
        # Overlays that checkpoints put on top went with the device.
        self._monitor.execute("blockdev-del", **{"node-name": name})
        if name in self._thrown_away:
            self._monitor.execute("blockdev-del", **{"node-name": _below(name)})
        del self._nodes[device]

    def checkpoint(self, device: str, overlay: Disk) -> None:
        name = next(self._names)
        self._monitor.execute(
            "blockdev-snapshot-sync",
            **{
                "node-name": self._nodes[device],
                "snapshot-file": str(overlay.file),
                "snapshot-node-name": name,
                "format": "qcow2",
                "mode": "existing",
            },
        )
        self._nodes[device] = name

    def check_disks(self) -> None:
        # QEMU reports a failed write to the guest, which may only notice when it is too late for an error.
        failed = [event["data"] for event in self._monitor.take_events() if event["event"] == "BLOCK_IO_ERROR"]
        if failed:
            reason = failed[0].get("reason", "")
            raise HostError(
                "there is no space left for the disk under construction"
                if any("No space" in data.get("reason", "") for data in failed)
                else "the disk under construction could not be written",
                details=reason,
                hint="free some space in the output folder, or move it with --output; finished layers are kept",
            )

    def close(self) -> None:
        super().close()
        self._monitor.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


def _below(name: str) -> str:
    """The name of the block node below the overlay of that name."""
    return f"{name}-below"
