"""Finding a node's serial console."""

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
    """How to attach to a console: a virsh command, or a pseudo-terminal of QEMU on this host."""

    argv: tuple[str, ...] = ()
    terminal: Path | None = None


def find_console(node: Node, hypervisor: Hypervisor) -> ConsoleCommand:
    """How to attach to a node's console. Raises RequestError if the node is not running, and HostError."""
    if not node.domain.active:
        raise RequestError(f"{node.name} is not running", hint=f"run `golden node start {node.name} --console`")
    if not hypervisor.embedded:
        virsh = process.find_tool("virsh", package="libvirt-clients")
        return ConsoleCommand(argv=(virsh, "--connect", hypervisor.uri, "console", "--safe", node.name))
    source = ElementTree.fromstring(node.domain.xml(inactive=False)).find("devices/console")
    path = source.get("tty") if source is not None else None
    if path is None:
        raise HostError(
            f"{node.name} has no serial console",
            hint=f"run `golden node edit {node.name}`, add `<console type='pty'/>`, and restart it",
        )
    return ConsoleCommand(terminal=Path(path))
