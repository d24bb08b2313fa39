"""Where a node's serial console is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from builder import process
from builder.errors import HostError, RequestError
from builder.hypervisor.connection import Hypervisor
from builder.nodes.managing.node import Node


@dataclass(frozen=True, slots=True)
class ConsoleCommand:
    """What attaches to it: virsh's command, or whatever reads a terminal that QEMU has on this host."""

    argv: tuple[str, ...] = ()
    terminal: Path | None = None


def find_console(node: Node, hypervisor: Hypervisor) -> ConsoleCommand:
    """Raises RequestError for a node that does not run, and HostError."""
    if not node.domain.active:
        raise RequestError(f"{node.name} does not run", hint=f"golden node start {node.name} --console")
    if not hypervisor.embedded:
        virsh = process.find_tool("virsh", package="libvirt-clients")
        return ConsoleCommand(argv=(virsh, "--connect", hypervisor.uri, "console", "--safe", node.name))
    source = ElementTree.fromstring(node.domain.xml(inactive=False)).find("devices/console")
    path = source.get("tty") if source is not None else None
    if path is None:
        raise HostError(f"{node.name} has no console to attach to")
    return ConsoleCommand(terminal=Path(path))
