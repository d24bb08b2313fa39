"""One domain of a hypervisor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree

import libvirt

from builder.errors import HypervisorError
from builder.hypervisor.calls import GONE, call

State = Literal["running", "paused", "shut off", "crashed", "suspended"]

STATES: dict[int, State] = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTDOWN: "running",
    libvirt.VIR_DOMAIN_SHUTOFF: "shut off",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "suspended",
}
"""libvirt's states in virsh's words; a domain that is about to shut down still runs."""

MANAGED = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
UNDEFINE = MANAGED | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state of a domain to go back to; `created` in seconds since 1970, `state` is the domain's then."""

    name: str
    created: int
    state: str


class Domain:
    """A domain. Every method raises HypervisorError in libvirt's words."""

    def __init__(self, handle: Any) -> None:
        """`handle` is libvirt's."""
        self.handle = handle

    @property
    def name(self) -> str:
        return str(self.handle.name())

    @property
    def uuid(self) -> str:
        return str(self.handle.UUIDString())

    @property
    def state(self) -> State:
        return STATES.get(call(self.handle.state)[0], "shut off")

    @property
    def active(self) -> bool:
        """Whether it has a machine, running or paused."""
        return bool(call(self.handle.isActive))

    def xml(self, *, inactive: bool = True, secrets: bool = False) -> str:
        """What it is defined as; with `inactive=False` what runs now. Without `secrets` passwords are left out."""
        flags = libvirt.VIR_DOMAIN_XML_INACTIVE if inactive else 0
        return str(call(self.handle.XMLDesc, flags | (libvirt.VIR_DOMAIN_XML_SECURE if secrets else 0)))

    def tree(self) -> ElementTree.Element:
        """Its definition, parsed."""
        return ElementTree.fromstring(self.xml())

    def trees(self) -> list[ElementTree.Element]:
        """Its definition and, while it runs, what runs: something may be plugged into one of them only."""
        live = [ElementTree.fromstring(self.xml(inactive=False))] if self.active else []
        return [self.tree(), *live]

    def snapshot_trees(self) -> list[ElementTree.Element]:
        """Its snapshots' descriptions, parsed: each has the domain as it was then."""
        return [ElementTree.fromstring(call(each.getXMLDesc)) for each in call(self.handle.listAllSnapshots)]

    def files(self) -> list[str]:
        """The files that its disks and CDs are, in the order of its definition."""
        return disk_files(self.tree())

    def sizes(self, device: str) -> tuple[int, int] | None:
        """Capacity and allocation of a disk in bytes; None where its file cannot be looked at."""
        try:
            capacity, allocation, _ = call(self.handle.blockInfo, device)
        except HypervisorError:
            return None
        return capacity, allocation

    def start(self) -> None:
        call(self.handle.create)

    def resume(self) -> None:
        """Let a paused machine go on."""
        call(self.handle.resume)

    def shutdown(self) -> None:
        """Ask its system to shut down; it may take its time, or not listen."""
        call(self.handle.shutdown)

    def reboot(self) -> None:
        call(self.handle.reboot)

    def destroy(self) -> None:
        """End its machine at once; fine where it has none."""
        try:
            call(self.handle.destroy)
        except HypervisorError as error:
            if error.code not in (libvirt.VIR_ERR_OPERATION_INVALID, *GONE):
                raise

    def undefine(self) -> None:
        """Forget it, with its snapshots' records and saved memory; fine where it is gone."""
        try:
            call(self.handle.undefineFlags, UNDEFINE)
        except HypervisorError as error:
            if error.code not in GONE:
                raise

    @property
    def autostart(self) -> bool:
        return bool(call(self.handle.autostart))

    def set_autostart(self, on: bool) -> None:
        call(self.handle.setAutostart, int(on))

    def seen_addresses(self) -> list[str]:
        """The addresses that the guest's agent tells, else those that its host has heard of by ARP."""
        agent, arp = (
            libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
            libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
        )
        return self._addresses(agent) or self._addresses(arp)

    def _addresses(self, source: int) -> list[str]:
        try:
            found = call(self.handle.interfaceAddresses, source)
        except HypervisorError:  # no agent that answers, or a driver that does not know
            return []
        every = [address["addr"] for name, each in found.items() if name != "lo" for address in each["addrs"] or []]
        return [address for address in every if not address.startswith(("127.", "::1", "fe80:"))]

    def attach(self, xml: str) -> None:
        """Plug a device, now if it runs, and in its definition."""
        call(self.handle.attachDeviceFlags, xml, self._everywhere)

    def set_metadata(self, xml: str, prefix: str, space: str) -> None:
        """Replace the element of that name space in its metadata."""
        kind = libvirt.VIR_DOMAIN_METADATA_ELEMENT
        call(self.handle.setMetadata, kind, xml, prefix, space, self._everywhere)

    @property
    def _everywhere(self) -> int:
        live = libvirt.VIR_DOMAIN_AFFECT_LIVE if self.active else 0
        return int(libvirt.VIR_DOMAIN_AFFECT_CONFIG | live)

    def snapshots(self) -> list[Snapshot]:
        """Its snapshots, oldest first."""
        made = [
            Snapshot(each.findtext("name", ""), int(each.findtext("creationTime", "0")), each.findtext("state", ""))
            for each in self.snapshot_trees()
        ]
        return sorted(made, key=lambda snapshot: snapshot.created)

    def snapshot(self, xml: str) -> None:
        call(self.handle.snapshotCreateXML, xml)

    def revert(self, name: str) -> None:
        call(self.handle.revertToSnapshot, call(self.handle.snapshotLookupByName, name))

    def delete_snapshot(self, name: str) -> None:
        call(call(self.handle.snapshotLookupByName, name).delete)


def macs(tree: ElementTree.Element) -> Iterator[str]:
    """The hardware addresses of a domain's interfaces, in lower case."""
    for element in tree.findall("devices/interface/mac"):
        if address := element.get("address"):
            yield address.lower()


def chain_files(tree: ElementTree.Element) -> set[str]:
    """The files that a domain's disks and CDs are, and those that they are said to stand on."""
    found = (element.get("file") for disk in tree.findall("devices/disk") for element in disk.iter("source"))
    return {file for file in found if file}


def disk_files(tree: ElementTree.Element) -> list[str]:
    """The files that a domain's disks and CDs are."""
    return [file for element in tree.findall("devices/disk/source") if (file := element.get("file"))]
