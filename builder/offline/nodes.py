"""Finds the disks of nodes in libvirt."""

from __future__ import annotations

from pathlib import Path

from builder.disks import parse_format
from builder.errors import HypervisorError, RequestError
from builder.events import silent
from builder.hypervisor.connection import Hypervisor, connect
from builder.nodes.identity.names import NAME
from builder.nodes.managing.node import find_node
from builder.offline.target import NodeDisk, Nodes
from builder.paths import Output
from builder.store import Store


def node_finder(uri: str | None, output: Output) -> Nodes:
    """A function that finds node disks on the hypervisor `uri`, or on the first that answers, if any does."""

    def find_disk(name: str) -> NodeDisk | None:
        if not NAME.fullmatch(name):
            return None
        try:
            # Without its folder, the embedded driver has no nodes.
            with connect(uri, output.embedded, silent, embedded=output.embedded.exists()) as hypervisor:
                return find_node_disk(name, hypervisor, output)
        except HypervisorError:
            if uri is not None:
                raise
            return None

    return find_disk


def find_node_disk(name: str, hypervisor: Hypervisor, output: Output) -> NodeDisk | None:
    """The first disk of a node; None if there is no such node. Raises RequestError if it is on another host."""
    node = find_node(hypervisor, name)
    if node is None:
        return None
    if not hypervisor.local:
        raise RequestError(
            f"the disk of the node {name} is on another host: {hypervisor.uri}",
            hint="run the same command on that host",
        )
    tree = node.domain.tree()
    disk = next((each for each in tree.findall("devices/disk") if each.get("device", "disk") == "disk"), None)
    source, driver = (disk.find("source"), disk.find("driver")) if disk is not None else (None, None)
    file = source.get("file") if source is not None else None
    if file is None:
        raise RequestError(f"cannot open the disk of the node {name}: its first disk is not a file")
    try:
        format = parse_format(driver.get("type") if driver is not None else None)
    except ValueError as error:
        raise RequestError(f"cannot open the disk of the node {name}", details=str(error)) from error
    versions = Store(output.templates).versions(node.metadata.template)
    version = next((each for each in versions if each.name == node.metadata.version), None)
    return NodeDisk(Path(file), format, node.domain.active, version.guest_info() if version else None, version)
