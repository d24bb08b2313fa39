"""golden node start, shutdown, reboot, destroy, autostart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.connection import Connect
from builder.cli.node.common import Names, each
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
    console: Annotated[bool, typer.Option("--console", help="Attach to the console of a single node.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Start nodes."""
    from builder.nodes.identity.names import expand

    def work(node: Node, hypervisor: Hypervisor) -> None:
        match node.domain.state:
            case "running":
                say(f"{node.name} runs already")
            case "paused":
                node.domain.resume()
                say(f"{node.name} was paused, and goes on")
            case _:
                node.domain.start()
                say(f"{node.name} is started")

    if console:
        check_console(names)
    each(names, connect, output, work)
    if console:
        show_console(expand(names)[0], connect, output)


@app.command()
def shutdown(
    names: Names,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until they are shut off.")] = 0.0,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Ask nodes to shut down, all of them before any is waited for."""
    asked: list[Node] = []

    def work(node: Node, hypervisor: Hypervisor) -> None:
        if not node.domain.active:
            say(f"{node.name} is shut off already")
            return
        node.domain.shutdown()
        asked.append(node)
        if not wait:
            say(f"{node.name} was asked to shut down")

    def wait_for_all(hypervisor: Hypervisor) -> None:
        deadline = time.monotonic() + wait
        while wait and asked:
            for node in [node for node in asked if not node.domain.active]:
                say(f"{node.name} is shut off")
                asked.remove(node)
            if asked and time.monotonic() > deadline:
                left = [node.name for node in asked]
                raise HostError(
                    f"{', '.join(left)} did not shut down within {wait:.0f} s",
                    hint=f"golden node destroy {' '.join(left)}",
                )
            time.sleep(0.2 if asked else 0)

    each(names, connect, output, work, wait_for_all)


@app.command()
def reboot(names: Names, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Ask nodes to boot again."""

    def work(node: Node, hypervisor: Hypervisor) -> None:
        if not node.domain.active:
            raise RequestError(f"{node.name} does not run", hint=f"golden node start {node.name}")
        node.domain.reboot()
        say(f"{node.name} was asked to boot again")

    each(names, connect, output, work)


@app.command()
def destroy(names: Names, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """End nodes' machines at once, as by pulling the plug; the nodes stay."""

    def work(node: Node, hypervisor: Hypervisor) -> None:
        was = node.domain.active
        node.domain.destroy()
        say(f"{node.name} is shut off" + ("" if was else " already"))

    each(names, connect, output, work)


@app.command()
def autostart(
    names: Names,
    off: Annotated[bool, typer.Option("--off", help="Do not start them with their host.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Start nodes when their host starts."""

    def work(node: Node, hypervisor: Hypervisor) -> None:
        node.domain.set_autostart(not off)
        say(f"{node.name} is {'not ' if off else ''}started with its host")

    each(names, connect, output, work)
