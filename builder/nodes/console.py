"""A node's serial console, on the user's terminal."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from builder import process
from builder.errors import HostError, RequestError
from builder.hypervisor.connection import Hypervisor
from builder.nodes.nodes import Node

ESCAPE = b"\x1d"
"""Ctrl-], as virsh has it."""


@dataclass(frozen=True, slots=True)
class Console:
    """How to come to a node's console: virsh's command, or the terminal that QEMU has for it on this host."""

    argv: tuple[str, ...] = ()
    terminal: Path | None = None

    def attach(self) -> int:
        """Show it until Ctrl-] is pressed or the node ends; the exit status. Raises HostError.

        No connection is needed, and none should be open: the embedded driver lets one process in at a time.
        """
        if self.terminal is None:
            return process.run_attached(self.argv)
        relay(self.terminal)
        return 0


def find_console(node: Node, hypervisor: Hypervisor) -> Console:
    """Raises RequestError for a node that does not run, and HostError."""
    if not node.domain.active:
        raise RequestError(f"{node.name} does not run", hint=f"golden node start {node.name} --console")
    if not hypervisor.embedded:
        process.find_tool("virsh", package="libvirt-clients")
        return Console(argv=("virsh", "--connect", hypervisor.uri, "console", "--safe", node.name))
    source = ElementTree.fromstring(node.domain.xml(inactive=False)).find("devices/console")
    path = source.get("tty") if source is not None else None
    if path is None:
        raise HostError(f"{node.name} has no console to attach to")
    return Console(terminal=Path(path))


def relay(terminal: Path) -> None:
    """Pass bytes to and fro between our terminal and a machine's. Raises HostError."""
    try:
        other = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    except OSError as error:
        raise HostError("the console cannot be opened", details=str(error)) from error
    own = sys.stdin.fileno()
    before = termios.tcgetattr(own)
    print("Escape character is ^] (Ctrl + ])", file=sys.stderr)
    try:
        tty.setraw(own)
        while True:
            ready, _, _ = select.select([own, other], [], [])
            try:
                data = os.read(ready[0], 4096)
            except OSError:  # the machine ended, and its terminal with it
                return
            if not data or (ready[0] == own and ESCAPE in data):
                return
            os.write(other if ready[0] == own else sys.stdout.fileno(), data)
    finally:
        termios.tcsetattr(own, termios.TCSADRAIN, before)
        os.close(other)
