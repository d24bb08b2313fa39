"""Nodes, and how to find them on a hypervisor."""

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
    """All nodes of a hypervisor, sorted by name. Raises HypervisorError."""
    parsed = ((domain, metadata.parse(tree)) for domain, tree in hypervisor.definitions())
    found = [Node(domain, known) for domain, known in parsed if known]
    return sorted(found, key=lambda node: natural_key(node.name))


def find_node(hypervisor: Hypervisor, name: str) -> Node | None:
    """The node of that name; None if there is no such domain, or golden did not clone it. Raises HypervisorError."""
    domain = hypervisor.find_domain(name)
    known = metadata.parse(domain.tree()) if domain else None
    return Node(domain, known) if domain and known else None


def require_node(hypervisor: Hypervisor, name: str) -> Node:
    """The node of that name. Raises RequestError if there is no such domain, or golden did not clone it."""
    if node := find_node(hypervisor, name):
        return node
    if hypervisor.find_domain(name):
        raise RequestError(
            f"{name} is not a golden node: golden did not clone it", hint="use virsh to manage other domains"
        )
    suggestion = did_you_mean(name, [node.name for node in list_nodes(hypervisor)])
    raise RequestError(
        f"no such node: {name}{suggestion}", hint=f"run `golden node list` to see the nodes of {hypervisor.uri}"
    )
