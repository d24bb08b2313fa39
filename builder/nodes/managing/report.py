"""Reports about nodes, for `golden node list` and `golden node info`."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any
from xml.etree import ElementTree

from builder.hypervisor.calls import none_if_gone
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import Domain
from builder.nodes.identity.address_lookup import Leases
from builder.nodes.managing.node import Node, list_nodes
from builder.store import Store


def summaries(hypervisor: Hypervisor) -> list[dict[str, Any]]:
    """A row for every node, sorted by name; skips a node that vanishes meanwhile. Raises HypervisorError."""
    leases = Leases(hypervisor)
    found = [none_if_gone(partial(summary, node, leases)) for node in list_nodes(hypervisor)]
    return [row for row in found if row is not None]


def summary(node: Node, leases: Leases) -> dict[str, Any]:
    """One row of `golden node list`. Without a lease, `addresses` has the reserved address."""
    reserved = [each.reservation.address for each in node.metadata.reservations]
    return {
        "name": node.name,
        "state": node.domain.state,
        "template": node.metadata.template,
        "version": node.metadata.version,
        "addresses": leases.of(node.domain.tree()) or reserved,
        "autostart": node.domain.autostart,
    }


def details(node: Node, hypervisor: Hypervisor, store: Store) -> dict[str, Any]:
    """The report of `golden node info`. Sizes in bytes. Raises HypervisorError."""
    tree = node.domain.tree()
    versions = [version.name for version in store.versions(node.metadata.template)]
    return {
        **summary(node, Leases(hypervisor)),
        "uuid": node.domain.uuid,
        "digest": node.metadata.digest,
        "in_store": node.metadata.version in versions,
        "type": tree.get("type"),
        "vcpus": int(tree.findtext("vcpu", "0")),
        "memory": int(tree.findtext("memory", "0")) << 10,
        "disks": [_disk(element, node.domain) for element in tree.findall("devices/disk")],
        "nics": [_nic(element) for element in tree.findall("devices/interface")],
        "snapshots": [asdict(snapshot) for snapshot in node.domain.snapshots()],
    }


def _disk(element: ElementTree.Element, domain: Domain) -> dict[str, Any]:
    source, target, driver = (element.find(name) for name in ("source", "target", "driver"))
    device = target.get("dev", "") if target is not None else ""
    capacity, allocation = domain.sizes(device) or (None, None)
    return {
        "device": device,
        "file": source.get("file") if source is not None else None,
        "format": driver.get("type") if driver is not None else None,
        "capacity": capacity,
        "allocation": allocation,
    }


def _nic(element: ElementTree.Element) -> dict[str, Any]:
    mac, source, model = (element.find(name) for name in ("mac", "source", "model"))
    kind = element.get("type", "")
    return {
        "kind": kind,
        "source": source.get(kind) if source is not None else None,
        "mac": mac.get("address") if mac is not None else None,
        "model": model.get("type") if model is not None else None,
    }
