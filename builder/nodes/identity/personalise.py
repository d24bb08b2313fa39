"""Writing who they are onto the disks of nodes, before they start, in one appliance for many."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from builder import disks
from builder.appliance.appliance import Appliance, Disk
from builder.appliance.handle import ApplianceSettings
from builder.appliance.interrupt import on_stop_signal
from builder.appliance.start import start
from builder.errors import CommandError, GuestError, HostError
from builder.events import Emit, silent
from builder.guest import bootloader
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.nodes.identity.request import CloneSpec, NodeSpec
from builder.paths import Output
from builder.steps.hostname import Hostname
from builder.steps.interface import Interface
from builder.steps.ssh_inject import SshInject

SHARE = 5
"""Nodes for which another appliance is worth its start; it keeps one processor busy."""


def personalise(order: CloneSpec, work: Path, output: Output, emit: Emit) -> dict[str, Path]:
    """Overlays on the version's disk with what each node is to know of itself, by the nodes' names.

    They are files in `work`, wherever the hypervisor is. Raises BuildError and HostError.
    """
    nodes = [node for node in order.nodes if node.offline]
    overlays = {node.name: work / f"{node.name}.qcow2" for node in nodes}
    info = GuestInfo.from_json(order.version.manifest.guest.model_dump())
    try:
        for node in nodes:
            disks.create_overlay(
                overlays[node.name], order.version.disk, order.version.disk_format, size=node.disk_size
            )
    except CommandError as error:
        raise HostError(
            "the nodes' disks could not be begun", details=error.details, hint="is there space in the output folder?"
        ) from error

    _Writing(ApplianceSettings(output.appliance), info, order.request.ssh_keys).write(nodes, overlays, emit)
    return overlays


class _Writing:
    """The work on all nodes, shared among appliances that run side by side."""

    def __init__(self, settings: ApplianceSettings, info: GuestInfo, keys: Sequence[str]) -> None:
        self._settings = settings
        self._info = info
        self._keys = keys
        self._running: list[Appliance] = []
        self._stopped = False

    def write(self, nodes: Sequence[NodeSpec], overlays: Mapping[str, Path], emit: Emit) -> None:
        """Write onto the overlays of those nodes. Raises BuildError and HostError."""
        count = max(1, min(os.cpu_count() or 1, len(nodes) // SHARE))
        with on_stop_signal(self._stop), ThreadPoolExecutor(count) as workers:
            # What there is to say of a start, the first one says.
            shares = [
                workers.submit(self._write_share, nodes[number::count], overlays, silent if number else emit)
                for number in range(count)
            ]
            for share in shares:
                share.result()

    def _stop(self) -> None:
        self._stopped = True
        for appliance in self._running:
            appliance.kill()

    def _write_share(self, nodes: Sequence[NodeSpec], overlays: Mapping[str, Path], emit: Emit) -> None:
        # Started in the thread that uses it: a monitor belongs to one.
        with start(self._settings, emit) as appliance:
            self._running.append(appliance)
            if self._stopped:
                return
            devices = appliance.in_turn([Disk(overlays[node.name]) for node in nodes])
            for node, device in zip(nodes, devices, strict=True):
                _write(Guest(appliance, device, self._info), node, self._keys)
            appliance.check_disks()


def _write(guest: Guest, node: NodeSpec, keys: Sequence[str]) -> None:
    """Write onto one node's disk. Raises BuildError."""
    guest.mount()
    if node.reserved is None:  # else DHCP tells the node its name and its address
        Hostname(hostname=node.hostname).apply(guest)
    if keys:
        SshInject(user="root", key="\n".join(keys)).apply(guest)
    if node.static:
        _require_name(guest, node.static.name)
        static = node.static
        Interface(
            name=static.name, method="static", address=static.address, gateway=static.gateway, dns=list(static.dns)
        ).apply(guest)
    guest.unmount()


def _require_name(guest: Guest, name: str) -> None:
    """That the kernel will call the first interface so. Raises GuestError."""
    if not all("net.ifnames=0" in line for line in bootloader.of(guest).kernel_lines()):
        raise GuestError(
            f"the template's first interface has no name to rely on, and --ip needs it to be {name}",
            hint="add it in the recipe: `kernel-args: {add: [net.ifnames=0, biosdevname=0]}`",
        )
