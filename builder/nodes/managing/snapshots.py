"""States of a node to go back to: snapshots inside its disks, with its memory where it runs."""

from __future__ import annotations

import re

from builder.domains import metadata
from builder.domains.metadata import PREFIX, SPACE
from builder.errors import RequestError, did_you_mean
from builder.hypervisor.domains import Snapshot
from builder.hypervisor.xml import render
from builder.nodes.managing.node import Node

NAME = re.compile(r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
"""QEMU takes a number for the one that it gave a snapshot itself, and would go back to another one."""

HINT = "letters, digits, dots, dashes and underscores, at most 63, and not a number alone"


def take(node: Node, name: str) -> None:
    """Raises RequestError for a name that is none, or that is taken."""
    if not NAME.fullmatch(name):
        raise RequestError(f"a snapshot cannot be called {name!r}", hint=HINT)
    if name in [snapshot.name for snapshot in node.domain.snapshots()]:
        raise RequestError(f"{node.name} has a snapshot {name} already", hint=f"--delete {name} removes it")
    node.domain.snapshot(render("snapshot", name=name))


def find(node: Node, name: str) -> Snapshot:
    """Raises RequestError with what there is."""
    snapshots = node.domain.snapshots()
    found = next((snapshot for snapshot in snapshots if snapshot.name == name), None)
    if found is None:
        names = [snapshot.name for snapshot in snapshots]
        raise RequestError(
            f"{node.name} has no snapshot {name}{did_you_mean(name, names)}",
            hint=f"it has {', '.join(names) or 'none'}",
        )
    return found


def revert(node: Node, name: str) -> None:
    """Go back; what was made for the node since then stays recorded, so that it goes with it."""
    node.domain.revert(find(node, name).name)
    if metadata.parse(node.domain.tree()) != node.metadata:
        node.domain.set_metadata(node.metadata.to_xml(), PREFIX, SPACE)


def delete(node: Node, name: str) -> None:
    node.domain.delete_snapshot(find(node, name).name)
