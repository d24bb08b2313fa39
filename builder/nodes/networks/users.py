"""Which domains use a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from builder.domains import metadata
from builder.hypervisor.calls import find
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import Domain
from builder.hypervisor.networks import Definition
from builder.nodes.identity.names import natural_key


@dataclass(frozen=True, slots=True)
class NetworkUser:
    """A domain, and the networks and bridges that its interfaces and its reservations name."""

    name: str
    running: bool
    networks: frozenset[str]
    bridges: frozenset[str]

    def uses(self, network: Definition) -> bool:
        """By the network's name, or by the bridge that libvirt makes for it."""
        return network.name in self.networks or network.own_bridge in self.bridges


def list_network_users(hypervisor: Hypervisor) -> list[NetworkUser]:
    """All domains, in the order of their names; one that goes meanwhile is left out. Raises HypervisorError."""
    found = (find(_describe, domain) for domain in hypervisor.domains())
    return sorted((each for each in found if each), key=lambda user: natural_key(user.name))


def _describe(domain: Domain) -> NetworkUser:
    running = domain.active
    kept = domain.tree()
    # What was plugged into a running domain is not in its definition.
    trees = [kept, ElementTree.fromstring(domain.xml(inactive=False))] if running else [kept]
    return NetworkUser(
        name=domain.name,
        running=running,
        networks=frozenset(_sources(trees, "network")) | frozenset(_reserved(kept)),
        bridges=frozenset(_sources(trees, "bridge")),
    )


def _sources(trees: list[ElementTree.Element], kind: str) -> Iterator[str]:
    for tree in trees:
        for element in tree.findall(f"devices/interface[@type='{kind}']/source[@{kind}]"):
            yield element.get(kind, "")


def _reserved(tree: ElementTree.Element) -> Iterator[str]:
    node = metadata.parse(tree)
    for each in node.reservations if node else ():
        yield each.network
