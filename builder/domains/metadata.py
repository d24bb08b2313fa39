"""What a domain's metadata say of a node: of what it was cloned, and what was made for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from xml.etree import ElementTree

from builder.hypervisor.networks import Reservation
from builder.hypervisor.xml import render

SPACE = "urn:golden:node:1"
PREFIX = "golden"


@dataclass(frozen=True, slots=True)
class NodeVolume:
    """A volume that was made for a node."""

    pool: str
    name: str


@dataclass(frozen=True, slots=True)
class NodeReservation:
    """A reservation that was made for a node."""

    network: str
    reservation: Reservation


@dataclass(frozen=True, slots=True)
class NodeMetadata:
    """`version` and `digest` are those of the template's version; `volumes` and `reservations` go with the node."""

    template: str
    version: str
    digest: str
    volumes: tuple[NodeVolume, ...] = ()
    reservations: tuple[NodeReservation, ...] = ()

    def to_xml(self) -> str:
        """What libvirt is given to keep, with PREFIX and SPACE."""
        return render("node", metadata=self)

    def with_volume(self, made: NodeVolume) -> NodeMetadata:
        return replace(self, volumes=(*self.volumes, made))


def parse(tree: ElementTree.Element) -> NodeMetadata | None:
    """The metadata in a domain's definition; None for a domain that is no node."""
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
        reservations=tuple(_reserved(each) for each in node.findall(f"{{{SPACE}}}reservation")),
    )


def _reserved(element: ElementTree.Element) -> NodeReservation:
    reservation = Reservation(element.get("mac", ""), element.get("ip", ""), element.get("name", ""))
    return NodeReservation(element.get("network", ""), reservation)
