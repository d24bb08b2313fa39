"""The metadata of a node's domain: the version it was cloned from, and the objects created for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from xml.etree import ElementTree

from builder.hypervisor.networks import Reservation
from builder.hypervisor.xml import render

SPACE = "urn:golden:node:1"
PREFIX = "golden"


@dataclass(frozen=True, slots=True)
class NodeVolume:
    """A volume that golden created for a node."""

    pool: str
    name: str


@dataclass(frozen=True, slots=True)
class NodeReservation:
    """A DHCP reservation that golden created for a node."""

    network: str
    reservation: Reservation


@dataclass(frozen=True, slots=True)
class NodeMetadata:
    """The version that a node was cloned from, and what to remove with the node: `volumes` and `reservations`."""

    template: str
    version: str
    digest: str
    volumes: tuple[NodeVolume, ...] = ()
    reservations: tuple[NodeReservation, ...] = ()

    def to_xml(self) -> str:
        """The element for `Domain.set_metadata`, which also takes PREFIX and SPACE."""
        return render("node", metadata=self)

    def with_volume(self, volume: NodeVolume) -> NodeMetadata:
        return replace(self, volumes=(*self.volumes, volume))


def parse(tree: ElementTree.Element) -> NodeMetadata | None:
    """The metadata in a domain's definition; None if golden did not clone the domain."""
    node = tree.find(f"metadata/{{{SPACE}}}node")
    if node is None:
        return None
    return NodeMetadata(
        template=node.findtext(f"{{{SPACE}}}template", ""),
        version=node.findtext(f"{{{SPACE}}}version", ""),
        digest=node.findtext(f"{{{SPACE}}}digest", ""),
        volumes=tuple(
            NodeVolume(each.get("pool", ""), each.get("name", "")) for each in node.findall(f"{{{SPACE}}}volume")
        ),
        reservations=tuple(_parse_reservation(each) for each in node.findall(f"{{{SPACE}}}reservation")),
    )


def _parse_reservation(element: ElementTree.Element) -> NodeReservation:
    reservation = Reservation(element.get("mac", ""), element.get("ip", ""), element.get("name", ""))
    return NodeReservation(element.get("network", ""), reservation)
