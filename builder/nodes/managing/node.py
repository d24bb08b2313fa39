"""Finding the nodes of a hypervisor."""

from __future__ import annotations

from dataclasses import dataclass

from builder.domains import metadata
from builder.domains.metadata import NodeMetadata
from builder.errors import RequestError, did_you_mean
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import Domain
from builder.nodes.identity.names import natural_key


@dataclass(frozen=True, slots=True)
class Node:
    """A domain that golden cloned."""

    domain: Domain
    metadata: NodeMetadata

    @property
    def name(self) -> str:
        return self.domain.name


def list_nodes(hypervisor: Hypervisor) -> list[Node]:
    """All nodes of a hypervisor, in the order of their names. Raises HypervisorError."""
    parsed = ((domain, metadata.parse(tree)) for domain, tree in hypervisor.definitions())
    found = [Node(domain, known) for domain, known in parsed if known]
    return sorted(found, key=lambda node: natural_key(node.name))


def find_node(hypervisor: Hypervisor, name: str) -> Node | None:
    """The node of that name; None where there is no such domain, or one that golden did not clone."""
    domain = hypervisor.find_domain(name)
    known = metadata.parse(domain.tree()) if domain else None
    return Node(domain, known) if domain and known else None


def require_node(hypervisor: Hypervisor, name: str) -> Node:
    """Raises RequestError with what there is: no such domain, or one that golden did not clone."""
    if node := find_node(hypervisor, name):
        return node
    if hypervisor.find_domain(name):
        raise RequestError(f"{name} is no node: golden did not clone it", hint="virsh manages other domains")
    meant = did_you_mean(name, [node.name for node in list_nodes(hypervisor)])
    raise RequestError(f"no such node: {name}{meant}", hint=f"`golden node list` shows those of {hypervisor.uri}")
