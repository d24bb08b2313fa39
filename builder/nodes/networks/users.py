"""Which domains use a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from xml.etree import ElementTree

from builder.domains import metadata
from builder.hypervisor.calls import none_if_gone
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import Domain
from builder.hypervisor.networks import Definition
from builder.nodes.identity.names import natural_key


@dataclass(frozen=True, slots=True)
class NetworkUser:
    """A domain, and the networks and bridges that its interfaces and reservations name."""

    name: str
    running: bool
    networks: frozenset[str]
    bridges: frozenset[str]

    def uses(self, network: Definition) -> bool:
        """Whether it names the network, or the bridge that libvirt creates for it."""
        return network.name in self.networks or network.own_bridge in self.bridges


def list_network_users(hypervisor: Hypervisor) -> list[NetworkUser]:
    """All domains, sorted by name; skips a domain that vanishes meanwhile. Raises HypervisorError."""
    found = (none_if_gone(partial(_describe, domain)) for domain in hypervisor.domains())
    return sorted((each for each in found if each), key=lambda user: natural_key(user.name))


def _describe(domain: Domain) -> NetworkUser:
    running = domain.active
    definition = domain.tree()
    # A device attached to the running domain alone is not in its definition.
    trees = [definition, ElementTree.fromstring(domain.xml(inactive=False))] if running else [definition]
    return NetworkUser(
        name=domain.name,
        running=running,
        networks=frozenset(_sources(trees, "network")) | frozenset(_reserved_networks(definition)),
        bridges=frozenset(_sources(trees, "bridge")),
    )


def _sources(trees: list[ElementTree.Element], kind: str) -> Iterator[str]:
    for tree in trees:
        for element in tree.findall(f"devices/interface[@type='{kind}']/source[@{kind}]"):
            yield element.get(kind, "")


def _reserved_networks(tree: ElementTree.Element) -> Iterator[str]:
    node = metadata.parse(tree)
    for each in node.reservations if node else ():
        yield each.network
