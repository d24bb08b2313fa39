"""golden node console."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from builder.cli.connection import Connect
from builder.cli.node.common import Name, opened_node
from builder.cli.options import OUTPUT, OutputFolder
from builder.errors import RequestError

app = typer.Typer()


@app.command()
def console(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Attach to a node's serial console; press Ctrl-] to leave."""
    check_console([name])
    show_console(name, connect, output)


def check_console(names: list[str]) -> None:
    """Raise RequestError for several nodes, or without a terminal."""
    from builder.nodes.identity.names import expand

    if len(expand(names)) > 1:
        raise RequestError("the serial console works with a single node only")
    if not sys.stdin.isatty():
        raise RequestError(
            "the serial console needs a terminal", hint="run this command in a terminal, not in a script"
        )


def show_console(name: str, connect: str | None, output: Path) -> None:
    """Replace this process by the program that shows the console, so that no connection or lock stays open."""
    from builder.nodes.managing.console import find_console

    with opened_node(name, connect, output) as (node, hypervisor):
        found = find_console(node, hypervisor)
    argv = found.argv or (sys.executable, "-m", "builder.cli.relay", str(found.terminal))
    sys.stdout.flush()
    os.execv(argv[0], argv)
