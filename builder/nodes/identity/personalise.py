"""Personalising nodes offline: writing host name, address and SSH keys to their disks before they start.

One appliance writes many disks.
"""

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
from builder.sizes import write_hint
from builder.steps.hostname import Hostname
from builder.steps.interface import Interface
from builder.steps.ssh_inject import SshInject

NODES_PER_APPLIANCE = 5
"""Fewer nodes are not worth the start of another appliance; each appliance keeps one processor busy."""


def personalise(spec: CloneSpec, work: Path, output: Output, emit: Emit) -> dict[str, Path]:
    """Create an overlay on the version's disk for each offline node, write the node's identity to it, and return them.

    The overlays are files in `work`, even for a remote hypervisor; the keys are the nodes' names.
    Raises BuildError and HostError.
    """
    nodes = [node for node in spec.nodes if node.offline]
    overlays = {node.name: work / f"{node.name}.qcow2" for node in nodes}
    info = spec.version.guest_info()
    if info is None:
        raise HostError(
            f"the manifest of {spec.version} does not describe its guest: an older golden built it",
            hint=f"build the template {spec.version.template} again",
        )
    try:
        for node in nodes:
            disks.create_overlay(overlays[node.name], spec.version.disk, spec.version.disk_format, size=node.disk_size)
    except CommandError as error:
        raise HostError(
            f"cannot create the disks of the nodes in {work}",
            details=error.details,
            hint=write_hint(work),
        ) from error

    _Personaliser(ApplianceSettings(output.appliance), info, spec.request.ssh_keys).write(nodes, overlays, emit)
    return overlays


class _Personaliser:
    """Writes to the disks of all nodes, shared among appliances that run in parallel."""

    def __init__(self, settings: ApplianceSettings, info: GuestInfo, keys: Sequence[str]) -> None:
        self._settings = settings
        self._info = info
        self._keys = keys
        self._running: list[Appliance] = []
        self._stopped = False

    def write(self, nodes: Sequence[NodeSpec], overlays: Mapping[str, Path], emit: Emit) -> None:
        """Write to the overlays of those nodes. Raises BuildError and HostError."""
        count = max(1, min(os.cpu_count() or 1, len(nodes) // NODES_PER_APPLIANCE))
        with on_stop_signal(self._stop), ThreadPoolExecutor(count) as workers:
            # Only the first appliance reports its start.
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
        # Started here, because a QMP monitor belongs to the thread that opened it.
        with start(self._settings, emit) as appliance:
            self._running.append(appliance)
            if self._stopped:
                return
            devices = appliance.plug_each([Disk(overlays[node.name]) for node in nodes])
            for node, device in zip(nodes, devices, strict=True):
                _write(Guest(appliance, device, self._info), node, self._keys)
            appliance.check_disks()


def _write(guest: Guest, node: NodeSpec, keys: Sequence[str]) -> None:
    """Write to one node's disk. Raises BuildError."""
    guest.mount()
    if node.reserved is None:  # otherwise DHCP gives the node its name and its address
        Hostname(hostname=node.hostname).apply(guest)
    if keys:
        SshInject(user="root", key="\n".join(keys)).apply(guest)
    if node.static:
        _require_interface_name(guest, node.static.name)
        static = node.static
        Interface(
            name=static.name, method="static", address=static.address, gateway=static.gateway, dns=list(static.dns)
        ).apply(guest)
    guest.unmount()


def _require_interface_name(guest: Guest, name: str) -> None:
    """Check that the kernel will name the first interface like that. Raises GuestError."""
    if not all("net.ifnames=0" in line for line in bootloader.of(guest).kernel_lines()):
        raise GuestError(
            f"--ip needs the first interface to be {name}, and the template does not ensure that name",
            hint="add `kernel-args: {add: [net.ifnames=0, biosdevname=0]}` to the recipe's steps and build it again",
        )
