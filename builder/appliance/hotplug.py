"""An appliance that golden controls through QEMU's monitor, beside libguestfs's own channel."""

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
from builder.sizes import space_hint

PLUG_DEADLINE = 60.0
"""Seconds to wait until the appliance sees a plugged disk, or releases it; it usually takes 0.6 s."""

BATCH_SIZE = 10
"""How many disks to plug at the same time: the PCI bus has about twenty slots."""

LOG_PORT = "golden.log"
DRIVER = "virtio-blk-pci"


def require_hotplug(qemu: str, argv: list[str]) -> None:
    """Raise ApplianceError if the machine of that command line does not support hot-plug.

    A machine without a suitable bus (virt on arm64) only fails when a disk is plugged. So this plugs one into a
    paused machine, which takes 0.1 s.
    """
    with idle_machine(qemu, argv, "-S") as monitor:
        monitor.execute("blockdev-add", **{"node-name": "trial", "driver": "null-co"})
        monitor.execute("device_add", driver=DRIVER, id="trial-device", drive="trial")


class HotplugAppliance(Appliance):
    """An appliance with a QMP monitor. Disks are plugged, checkpointed and unplugged while it runs."""

    keeps_mounts = True

    def __init__(
        self, start_method: StartMethod, handle: guestfs.GuestFS, monitor: Monitor, scratch: Path, argv: list[str]
    ) -> None:
        """`argv` is the QEMU command line that libguestfs chose. The appliance owns `scratch` and removes it."""
        self.start_method = start_method
        self.argv = argv
        self.pid = handle.get_pid()
        self._handle = handle
        self._monitor = monitor
        self._scratch = scratch
        self._names = (f"golden{number}" for number in range(1, 10_000))
        self._plugged: dict[str, str] = {}
        self._nodes: dict[str, str] = {}
        self._files: dict[str, Path] = {}
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
        """Repeat a command in the appliance until it prints something; return the first line."""
        deadline = time.monotonic() + PLUG_DEADLINE
        while not (found := self.shell(f"{search} || true").strip()):
            if time.monotonic() > deadline:
                raise ApplianceError(
                    f"a hot-plugged device did not appear in the appliance within {PLUG_DEADLINE:.0f} s", details=search
                )
            time.sleep(0.02)
        return found.splitlines()[0]

    @property
    def handle(self) -> guestfs.GuestFS:
        return self._handle

    @property
    def output_port(self) -> str:
        # Opened on first use: reading and writing files does not need it.
        if self._port is None:
            self._port = self._open_output_port()
        return self._port

    @property
    def output_file(self) -> Path:
        return self._scratch / "output"

    def plug(self, disk: Disk) -> str:
        return self._find_device(self._insert(disk))

    def plug_each(self, disks: Sequence[Disk]) -> Iterator[str]:
        # The appliance needs time to notice that a disk came or went; meanwhile, the caller works on another one.
        for start in range(0, len(disks), BATCH_SIZE):
            unplugging = []
            for name in [self._insert(disk) for disk in disks[start : start + BATCH_SIZE]]:
                device = self._find_device(name)
                yield device
                self._begin_unplug(device)
                unplugging.append(device)
            for device in unplugging:
                self._end_unplug(device)

    def _insert(self, disk: Disk) -> str:
        """Hot-plug a disk under a new name, which is also its serial number. Return the name."""
        name = next(self._names)
        node = self._overlay(name, disk) if disk.discard_writes else self._node(name, disk)
        self._monitor.execute("blockdev-add", **node)
        self._monitor.execute(
            "device_add", driver=DRIVER, id=f"{name}-device", drive=name, serial=name, werror="report"
        )
        return name

    def _find_device(self, name: str) -> str:
        """Wait until the appliance sees the disk of that name; return its device name."""
        device = self._wait_for(
            f"found=$(grep -lsx {name} /sys/block/vd*/serial) && udevadm settle"
            " && found=${found%/serial} && ls /dev/${found##*/}"
        )
        self._plugged[device] = self._nodes[device] = name
        return device

    def _node(self, name: str, disk: Disk) -> dict[str, object]:
        """The `blockdev-add` arguments for a disk.

        `force-share` is only set if needed. Even set to false, it would keep QEMU from reopening the node read-only
        at a checkpoint, and so the layer below would stay locked for everyone else.
        """
        self._files[name] = disk.file
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
        """The `blockdev-add` arguments for an overlay that receives all writes. Adds the disk's own node below."""
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
            raise ApplianceError(f"the appliance did not release {device} within {PLUG_DEADLINE:.0f} s")
        # QEMU removed the overlays of checkpoints together with the device.
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
        self._files[name] = overlay.file

    def check_disks(self) -> None:
        # QEMU reports a failed write to the guest, but the guest may notice only after the step has ended.
        failed = [event["data"] for event in self._monitor.take_events() if event["event"] == "BLOCK_IO_ERROR"]
        if failed:
            file = self._files.get(failed[0].get("node-name", ""))
            place = f": {file}" if file else ""
            if any("No space" in data.get("reason", "") for data in failed):
                message = "no space left on this host for the disk under construction"
                hint = space_hint(file.parent) if file else "free space in the output folder"
            else:
                message = "cannot write to the disk under construction"
                hint = "look for disk errors of this host with `dmesg`"
            raise HostError(
                message + place,
                details=failed[0].get("reason", ""),
                hint=f"{hint}; then build again: finished layers are kept",
            )

    def close(self) -> None:
        super().close()
        self._monitor.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


def _below(name: str) -> str:
    """The name of the block node below that overlay."""
    return f"{name}-below"
