"""libvirt networks: definitions, reservations and leases."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import libvirt

from builder.errors import HypervisorError
from builder.hypervisor.calls import GONE, call
from builder.hypervisor.xml import render

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Subnet = ipaddress.IPv4Interface | ipaddress.IPv6Interface

MAKES_BRIDGE = frozenset({None, "nat", "route", "open"})
"""Forward modes for which libvirt creates a bridge that has the host's own addresses."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A DHCP reservation: the host with that MAC address always gets that address and that name."""

    mac: str
    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """A DHCP lease; `expires` in seconds since 1970."""

    mac: str
    address: str
    hostname: str
    expires: int


@dataclass(frozen=True, slots=True)
class Definition:
    """A network's XML, parsed. `addresses` are the host's own in each subnet, with prefix length."""

    name: str
    bridge: str | None
    forward: str | None
    addresses: tuple[Subnet, ...]
    ranges: tuple[tuple[Address, Address], ...]
    reservations: tuple[Reservation, ...] = ()
    domain: str | None = None
    uuid: str | None = None

    @property
    def mode(self) -> str:
        """`nat`, `route`, `isolated`, `bridge` for a host bridge, or another of libvirt's modes."""
        return self.forward or "isolated"

    @property
    def own_bridge(self) -> str | None:
        """The bridge that libvirt creates for it; None for a host bridge, or before libvirt has chosen a name."""
        return self.bridge if self.forward in MAKES_BRIDGE else None

    def to_xml(self) -> str:
        """The XML to define; reservations are added later, one by one."""
        return render("network", network=self)

    @property
    def subnet(self) -> Subnet | None:
        """The IPv4 subnet in which libvirt serves DHCP, or None."""
        if not self.ranges:
            return None
        return next((own for own in self.addresses if self.ranges[0][0] in own.network), None)


def parse_definition(xml: str) -> Definition:
    """Parse a network's XML. Raises ValueError for an invalid address."""
    root = ElementTree.fromstring(xml)
    bridge, forward, domain = root.find("bridge"), root.find("forward"), root.find("domain")
    ips = root.findall("ip")
    dhcp = [element for ip in ips if ip.get("family", "ipv4") == "ipv4" for element in ip.findall("dhcp")]
    return Definition(
        name=root.findtext("name", ""),
        bridge=bridge.get("name") if bridge is not None else None,
        forward=forward.get("mode", "nat") if forward is not None else None,
        addresses=tuple(_own_address(ip) for ip in ips if ip.get("address")),
        ranges=tuple(
            (ipaddress.ip_address(each.get("start", "")), ipaddress.ip_address(each.get("end", "")))
            for element in dhcp
            for each in element.findall("range")
        ),
        reservations=tuple(
            Reservation(each.get("mac", "").lower(), each.get("ip", ""), each.get("name", ""))
            for element in dhcp
            for each in element.findall("host")
        ),
        domain=domain.get("name") if domain is not None else None,
        uuid=root.findtext("uuid"),
    )


def _own_address(ip: ElementTree.Element) -> Subnet:
    address = ip.get("address", "")
    prefix = ip.get("prefix") or ip.get("netmask") or ("64" if ":" in address else "24")
    return ipaddress.ip_interface(f"{address}/{prefix}")


class Network:
    """A network. Every method raises HypervisorError with libvirt's own message."""

    def __init__(self, handle: Any) -> None:
        """`handle` is libvirt's."""
        self.handle = handle

    @property
    def name(self) -> str:
        return str(self.handle.name())

    @property
    def active(self) -> bool:
        return bool(call(self.handle.isActive))

    def xml(self) -> str:
        """Its definition; for a transient network, its current state."""
        persistent = bool(call(self.handle.isPersistent))
        return str(call(self.handle.XMLDesc, libvirt.VIR_NETWORK_XML_INACTIVE if persistent else 0))

    def definition(self) -> Definition:
        return parse_definition(self.xml())

    @property
    def autostart(self) -> bool:
        """Whether libvirt starts it when its host starts; never true for a transient network."""
        return bool(call(self.handle.isPersistent)) and bool(call(self.handle.autostart))

    def set_autostart(self, on: bool) -> None:
        call(self.handle.setAutostart, int(on))

    def start(self) -> None:
        call(self.handle.create)

    def stop(self) -> None:
        """Remove its bridge and its DHCP server; does nothing if it is not active or does not exist."""
        self._call_unless_absent(self.handle.destroy)

    def undefine(self) -> None:
        """Remove its definition; does nothing if it does not exist."""
        self._call_unless_absent(self.handle.undefine)

    def _call_unless_absent(self, function: Callable[[], object]) -> None:
        try:
            call(function)
        except HypervisorError as error:
            if error.code not in (libvirt.VIR_ERR_OPERATION_INVALID, *GONE):
                raise

    def leases(self) -> list[Lease]:
        """Its DHCP leases; empty if the network is not active."""
        if not self.active:
            return []
        return [
            Lease((each["mac"] or "").lower(), each["ipaddr"], each["hostname"] or "", int(each["expirytime"] or 0))
            for each in call(self.handle.DHCPLeases)
        ]

    def reserve(self, reservation: Reservation) -> None:
        """Add a DHCP reservation, effective now and after a restart."""
        self._update(libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, reservation)

    def release(self, reservation: Reservation) -> None:
        """Remove a DHCP reservation; does nothing if it does not exist."""
        if reservation in self.definition().reservations:
            self._update(libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, reservation)

    def _update(self, command: int, reservation: Reservation) -> None:
        flags = libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG if call(self.handle.isPersistent) else 0
        if self.active:
            flags |= libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE
        xml = render("reservation", mac=reservation.mac, name=reservation.name, address=reservation.address)
        section = libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST
        call(self.handle.update, command, section, -1, xml, flags)
