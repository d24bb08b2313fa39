"""Snapshots of nodes: stored inside their disks, with the memory if the node is running."""

from __future__ import annotations

import re

from builder.domains import metadata
from builder.domains.metadata import PREFIX, SPACE
from builder.errors import RequestError, did_you_mean
from builder.hypervisor.domains import Snapshot
from builder.hypervisor.xml import render
from builder.nodes.managing.node import Node

NAME = re.compile(r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
"""Not a number alone: QEMU takes that for its own snapshot ID, and would revert to another snapshot."""

HINT = "use letters, digits, dots, hyphens and underscores, at most 63 characters, and not a number alone"


def create(node: Node, name: str) -> None:
    """Create a snapshot. Raises RequestError if the name is invalid or taken."""
    if not NAME.fullmatch(name):
        raise RequestError(f"invalid snapshot name {name!r}", hint=HINT)
    if name in [snapshot.name for snapshot in node.domain.snapshots()]:
        raise RequestError(
            f"{node.name} already has a snapshot {name}",
            hint=f"choose another name, or run `golden node snapshot {node.name} --delete {name}` first",
        )
    node.domain.snapshot(render("snapshot", name=name))


def require_snapshot(node: Node, name: str) -> Snapshot:
    """The snapshot of that name. Raises RequestError, listing the existing snapshots."""
    snapshots = node.domain.snapshots()
    found = next((snapshot for snapshot in snapshots if snapshot.name == name), None)
    if found is None:
        names = [snapshot.name for snapshot in snapshots]
        raise RequestError(
            f"{node.name} has no snapshot {name}{did_you_mean(name, names)}",
            hint=f"choose one of {', '.join(names)}" if names else f"run `golden node snapshot {node.name}` first",
        )
    return found


def revert(node: Node, name: str) -> None:
    """Revert to a snapshot. Volumes created since then stay in the metadata, so that they are removed with the node."""
    node.domain.revert(require_snapshot(node, name).name)
    if metadata.parse(node.domain.tree()) != node.metadata:
        node.domain.set_metadata(node.metadata.to_xml(), PREFIX, SPACE)


def delete(node: Node, name: str) -> None:
    node.domain.delete_snapshot(require_snapshot(node, name).name)
