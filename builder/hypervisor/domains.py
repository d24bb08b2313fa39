"""Domains of a hypervisor, and reading their XML."""

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
"""libvirt's states as virsh names them; a domain that is shutting down is still running."""

MANAGED = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
UNDEFINE = MANAGED | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot; `created` in seconds since 1970, `state` is the state of the domain at that time."""

    name: str
    created: int
    state: str


class Domain:
    """A domain. Every method raises HypervisorError with libvirt's own message."""

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
        """Whether it is running or paused."""
        return bool(call(self.handle.isActive))

    def xml(self, *, inactive: bool = True, secrets: bool = False) -> str:
        """Its definition; with `inactive=False` the running domain. Without `secrets`, passwords are left out."""
        flags = libvirt.VIR_DOMAIN_XML_INACTIVE if inactive else 0
        return str(call(self.handle.XMLDesc, flags | (libvirt.VIR_DOMAIN_XML_SECURE if secrets else 0)))

    def tree(self) -> ElementTree.Element:
        """Its definition, parsed."""
        return ElementTree.fromstring(self.xml())

    def trees(self) -> list[ElementTree.Element]:
        """Its definition and, if it is running, the running domain: a device may be in only one of them."""
        live = [ElementTree.fromstring(self.xml(inactive=False))] if self.active else []
        return [self.tree(), *live]

    def snapshot_trees(self) -> list[ElementTree.Element]:
        """Its snapshots' XML, parsed; each contains the domain as it was then."""
        return [ElementTree.fromstring(call(each.getXMLDesc)) for each in call(self.handle.listAllSnapshots)]

    def files(self) -> list[str]:
        """The files of its disks and CDs, in the order of its definition."""
        return disk_files(self.tree())

    def sizes(self, device: str) -> tuple[int, int] | None:
        """Capacity and allocation of a disk in bytes; None if its file cannot be read."""
        try:
            capacity, allocation, _ = call(self.handle.blockInfo, device)
        except HypervisorError:
            return None
        return capacity, allocation

    def start(self) -> None:
        call(self.handle.create)

    def resume(self) -> None:
        """Resume a paused domain."""
        call(self.handle.resume)

    def shutdown(self) -> None:
        """Ask the guest to shut down; it may take a while, or ignore the request."""
        call(self.handle.shutdown)

    def reboot(self) -> None:
        call(self.handle.reboot)

    def destroy(self) -> None:
        """Turn it off at once; does nothing if it is not running or does not exist."""
        try:
            call(self.handle.destroy)
        except HypervisorError as error:
            if error.code not in (libvirt.VIR_ERR_OPERATION_INVALID, *GONE):
                raise

    def undefine(self) -> None:
        """Remove its definition, snapshot metadata, NVRAM and saved memory; does nothing if it does not exist."""
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
        """The addresses that the guest agent reports, else those in the host's ARP table."""
        agent, arp = (
            libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
            libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
        )
        return self._addresses(agent) or self._addresses(arp)

    def _addresses(self, source: int) -> list[str]:
        try:
            found = call(self.handle.interfaceAddresses, source)
        except HypervisorError:  # no guest agent answers, or the driver does not support this source
            return []
        addresses = [address["addr"] for name, each in found.items() if name != "lo" for address in each["addrs"] or []]
        return [address for address in addresses if not address.startswith(("127.", "::1", "fe80:"))]

    def attach(self, xml: str) -> None:
        """Attach a device: in its definition and, if it is running, at once."""
        call(self.handle.attachDeviceFlags, xml, self._affect_all)

    def set_metadata(self, xml: str, prefix: str, space: str) -> None:
        """Replace the metadata element of that XML name space."""
        kind = libvirt.VIR_DOMAIN_METADATA_ELEMENT
        call(self.handle.setMetadata, kind, xml, prefix, space, self._affect_all)

    @property
    def _affect_all(self) -> int:
        live = libvirt.VIR_DOMAIN_AFFECT_LIVE if self.active else 0
        return int(libvirt.VIR_DOMAIN_AFFECT_CONFIG | live)

    def snapshots(self) -> list[Snapshot]:
        """Its snapshots, oldest first."""
        snapshots = [
            Snapshot(each.findtext("name", ""), int(each.findtext("creationTime", "0")), each.findtext("state", ""))
            for each in self.snapshot_trees()
        ]
        return sorted(snapshots, key=lambda snapshot: snapshot.created)

    def snapshot(self, xml: str) -> None:
        call(self.handle.snapshotCreateXML, xml)

    def revert(self, name: str) -> None:
        call(self.handle.revertToSnapshot, call(self.handle.snapshotLookupByName, name))

    def delete_snapshot(self, name: str) -> None:
        call(call(self.handle.snapshotLookupByName, name).delete)


def macs(tree: ElementTree.Element) -> Iterator[str]:
    """The MAC addresses of a domain's interfaces, in lower case."""
    for element in tree.findall("devices/interface/mac"):
        if address := element.get("address"):
            yield address.lower()


def chain_files(tree: ElementTree.Element) -> set[str]:
    """The files of a domain's disks and CDs, with the backing files that its XML names."""
    found = (element.get("file") for disk in tree.findall("devices/disk") for element in disk.iter("source"))
    return {file for file in found if file}


def disk_files(tree: ElementTree.Element) -> list[str]:
    """The files of a domain's disks and CDs."""
    return [file for element in tree.findall("devices/disk/source") if (file := element.get("file"))]
