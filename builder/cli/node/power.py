"""golden node start, shutdown, reboot, destroy, autostart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.connection import Connect
from builder.cli.node.common import Names, for_each
from builder.cli.node.console import check_console, show_console
from builder.cli.options import OUTPUT, OutputFolder, say
from builder.errors import HostError, RequestError

if TYPE_CHECKING:
    from builder.hypervisor.connection import Hypervisor
    from builder.nodes.managing.node import Node

app = typer.Typer()


@app.command()
def start(
    names: Names,
    console: Annotated[
        bool, typer.Option("--console", help="Attach to the serial console; works with a single node only.")
    ] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Start nodes, or resume paused ones."""
    from builder.nodes.identity.names import expand

    def work(node: Node, hypervisor: Hypervisor) -> None:
        match node.domain.state:
            case "running":
                say(f"{node.name} is already running")
            case "paused":
                node.domain.resume()
                say(f"{node.name} was paused and is now running")
            case _:
                node.domain.start()
                say(f"{node.name} is started")

    if console:
        check_console(names)
    for_each(names, connect, output, work)
    if console:
        show_console(expand(names)[0], connect, output)


@app.command()
def shutdown(
    names: Names,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait until all of them are shut off. Default: do not wait.")
    ] = 0.0,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Ask nodes to shut down; with --wait, wait for all of them together."""
    pending: list[Node] = []

    def work(node: Node, hypervisor: Hypervisor) -> None:
        if not node.domain.active:
            say(f"{node.name} is already shut off")
            return
        node.domain.shutdown()
        pending.append(node)
        if not wait:
            say(f"asked {node.name} to shut down")

    def wait_for_all(hypervisor: Hypervisor) -> None:
        deadline = time.monotonic() + wait
        while wait and pending:
            for node in [node for node in pending if not node.domain.active]:
                say(f"{node.name} is shut off")
                pending.remove(node)
            if pending and time.monotonic() > deadline:
                left = [node.name for node in pending]
                raise HostError(
                    f"{', '.join(left)} did not shut down within {wait:.0f} s",
                    hint=f"run `golden node destroy {' '.join(left)}` to force them off",
                )
            time.sleep(0.2 if pending else 0)

    for_each(names, connect, output, work, wait_for_all)


@app.command()
def reboot(names: Names, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Ask nodes to reboot."""

    def work(node: Node, hypervisor: Hypervisor) -> None:
        if not node.domain.active:
            raise RequestError(f"{node.name} is not running", hint=f"run `golden node start {node.name}`")
        node.domain.reboot()
        say(f"asked {node.name} to reboot")

    for_each(names, connect, output, work)


@app.command()
def destroy(names: Names, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Force nodes off at once, as if pulling the plug; keep their disks and definitions."""

    def work(node: Node, hypervisor: Hypervisor) -> None:
        was_active = node.domain.active
        node.domain.destroy()
        say(f"{node.name} is {'' if was_active else 'already '}shut off")

    for_each(names, connect, output, work)


@app.command()
def autostart(
    names: Names,
    off: Annotated[bool, typer.Option("--off", help="Do not start the nodes when the host starts.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Start nodes automatically when the host starts; with --off, stop doing so."""

    def work(node: Node, hypervisor: Hypervisor) -> None:
        node.domain.set_autostart(not off)
        say(f"{node.name} {'does not start' if off else 'starts'} when the host starts")

    for_each(names, connect, output, work)
