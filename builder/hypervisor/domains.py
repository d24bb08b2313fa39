"""One domain of a hypervisor."""

from __future__ import annotations

from collections.abc import Iterator
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

    def xml(self, *, inactive: bool = True) -> str:
        """What it is defined as; with `inactive=False` what runs now."""
        return str(call(self.handle.XMLDesc, libvirt.VIR_DOMAIN_XML_INACTIVE if inactive else 0))

    def tree(self) -> ElementTree.Element:
        """Its definition, parsed."""
        return ElementTree.fromstring(self.xml())

    def files(self) -> list[str]:
        """The files that its disks and CDs are, in the order of its definition."""
        sources = [element.get("file") for element in self.tree().findall("devices/disk/source")]
        return [file for file in sources if file]

    def start(self) -> None:
        call(self.handle.create)

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

    def set_autostart(self, on: bool) -> None:
        call(self.handle.setAutostart, int(on))


def macs(tree: ElementTree.Element) -> Iterator[str]:
    """The hardware addresses of a domain's interfaces, in lower case."""
    for element in tree.findall("devices/interface/mac"):
        if address := element.get("address"):
            yield address.lower()
