"""golden node: what there is to do with nodes."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from builder import locks
from builder.cli.connection import Connect, connected
from builder.cli.editor import edit_until_right
from builder.cli.options import OUTPUT, AsJson, OutputFolder, on_terminal, output_at, print_json, say, show_error
from builder.cli.progress import Progress
from builder.cli.tables import make_table, show_table
from builder.errors import GoldenError, HostError, RequestError
from builder.sizes import format_size, parse_size

if TYPE_CHECKING:
    from builder.hypervisor.connection import Hypervisor
    from builder.nodes.nodes import Node

app = typer.Typer(help="List, start, stop, change and remove nodes.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NODE", help="A node's name.")]
Names = Annotated[list[str], typer.Argument(metavar="NODE...", help="Nodes, such as node1 or 'node{1..20}'.")]


def each(
    names: list[str],
    connect: str | None,
    output: Path,
    work: Callable[[Node, Hypervisor], None],
    after: Callable[[Hypervisor], None] = lambda hypervisor: None,
) -> None:
    """Do something to each of some nodes, and then once more; one that fails does not keep the others from it."""
    from builder.nodes.names import expand
    from builder.nodes.nodes import find_node

    failed: list[GoldenError] = []

    def attempt(work: Callable[[], None]) -> None:
        try:
            work()
        except GoldenError as error:
            failed.append(error)
            show_error(error)

    wanted = expand(names)
    with connected(connect, output, Progress()) as hypervisor:
        for name in wanted:
            attempt(lambda name=name: work(find_node(hypervisor, name), hypervisor))  # type: ignore[misc]
        attempt(lambda: after(hypervisor))
    if failed:
        raise typer.Exit(failed[0].exit_code)


@contextmanager
def one(name: str, connect: str | None, output: Path) -> Iterator[tuple[Node, Hypervisor]]:
    """A single node. Raises RequestError."""
    from builder.nodes.nodes import find_node

    with connected(connect, output, Progress()) as hypervisor:
        yield find_node(hypervisor, name), hypervisor


@app.command("list")
def list_nodes(
    template: Annotated[str | None, typer.Option(help="Only the nodes of that template.")] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """List the nodes, running or not, and of what they were cloned."""
    from builder.nodes.report import summaries

    with connected(connect, output, Progress()) as hypervisor:
        rows = [row for row in summaries(hypervisor) if template in (None, row["template"])]
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("no nodes; `golden clone TEMPLATE NODE` makes one")
        return
    table = make_table("node", "state", "template", "version", "addresses", "autostart")
    for row in rows:
        addresses = ", ".join(row["addresses"]) or "-"
        autostart = "yes" if row["autostart"] else "no"
        table.add_row(row["name"], row["state"], row["template"], row["version"], addresses, autostart)
    show_table(table)


@app.command()
def info(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT, as_json: AsJson = False) -> None:
    """Show a node: its machine, its disks, its interfaces, its snapshots."""
    from builder.nodes.report import details
    from builder.store import Store

    with one(name, connect, output) as (node, hypervisor):
        told = details(node, hypervisor, Store(output_at(output).templates))
    if as_json:
        print_json(told)
        return
    gone = "" if told["in_store"] else " (no longer in the store)"
    facts = {
        "node": told["name"],
        "uuid": told["uuid"],
        "state": f"{told['state']}, {'' if told['autostart'] else 'not '}started with its host",
        "template": f"{told['template']}:{told['version']}{gone}",
        "machine": f"{told['type']}, {told['vcpus']} processors, {format_size(told['memory'])}",
        "addresses": ", ".join(told["addresses"]) or "-",
    }
    for fact, value in facts.items():
        print(f"{fact:<11}{value}")
    for disk in told["disks"]:
        sizes = f"{format_size(disk['capacity'])}, {format_size(disk['allocation'])} used" if disk["capacity"] else "-"
        print(f"{'disk':<11}{disk['device']}  {disk['format']}  {sizes}  {disk['file'] or '-'}")
    for nic in told["nics"]:
        print(f"{'interface':<11}{nic['mac']}  {nic['kind']} {nic['source'] or ''}  {nic['model'] or ''}".rstrip())
    for snapshot in told["snapshots"]:
        print(f"{'snapshot':<11}{snapshot['name']}  {when(snapshot['created'])}  {snapshot['state']}")


@app.command()
def start(
    names: Names,
    console: Annotated[bool, typer.Option("--console", help="Attach to the console of a single node.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Start nodes."""
    from builder.nodes.names import expand

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


@app.command()
def console(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Attach to a node's serial console; Ctrl-] leaves it."""
    check_console([name])
    show_console(name, connect, output)


@app.command()
def xml(
    name: Name,
    live: Annotated[bool, typer.Option("--live", help="What runs now, not what it is defined as.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Print a node's XML."""
    with one(name, connect, output) as (node, _):
        print(node.domain.xml(inactive=not live), end="")


@app.command()
def edit(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Edit a node's XML with $VISUAL, $EDITOR or vi; it is checked before it is defined."""
    from builder.nodes.edit import redefine

    with one(name, connect, output) as (node, hypervisor):
        before = node.domain.xml(secrets=True)
        if not edit_until_right(before, name, lambda text: redefine(node, before, text, hypervisor)):
            say(f"{name} is unchanged")
        else:
            say(f"{name} is changed" + ("; that takes effect when it starts again" if node.domain.active else ""))


@app.command("add-disk")
def add_disk(
    name: Name,
    size: Annotated[str, typer.Argument(metavar="SIZE", help="Such as 20G.")],
    pool: Annotated[
        str | None, typer.Option(help="libvirt's storage pool; else that of the node's first disk.")
    ] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Give a node a further, empty disk, running or not."""
    from builder.nodes.devices import add_disk as add

    try:
        count = parse_size(size)
        if not parse_size("1M") <= count <= parse_size("64T"):
            raise ValueError("must be from 1M to 64T")
    except ValueError as error:
        raise RequestError(str(error), where=size) from error
    # Two at once would find the same device free, and one would forget what the other notes.
    with locks.held(output_at(output).clones / "disks.lock"), one(name, connect, output) as (node, hypervisor):
        device = add(node, count, hypervisor, pool)
    say(f"{name} has the disk {device}, {format_size(count)}")


@app.command("add-nic")
def add_nic(
    name: Name,
    nic: Annotated[str, typer.Argument(metavar="KEY=VALUE,…", help="network=NAME or bridge=NAME, and mac=… model=…")],
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Give a node a further interface, running or not."""
    from builder.nodes.devices import add_nic as add
    from builder.nodes.nics import parse_nic

    wanted = parse_nic(nic)
    with one(name, connect, output) as (node, hypervisor):
        plugged = add(node, wanted, hypervisor)
    say(f"{name} has an interface on {plugged.source or 'the user-mode network'}, {plugged.mac}")


@app.command()
def ip(
    names: Names,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for an address.")] = 0.0,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Print nodes' addresses: from leases, else as the agent in them or their host sees them, else what is reserved."""
    from builder.nodes.addresses import Leases, addresses_of, wait_for_addresses

    found: dict[str, list[str]] = {}
    begun = time.monotonic()

    def work(node: Node, hypervisor: Hypervisor) -> None:
        if wait:
            found.update(wait_for_addresses([node.domain], hypervisor, wait, begun))
        else:
            reserved = [each.reservation.address for each in node.metadata.reservations]
            found[node.name] = addresses_of(node.domain, Leases(hypervisor)) or reserved
        if not as_json:
            print(f"{node.name:<20} {' '.join(found[node.name]) or '-'}")

    try:
        each(names, connect, output, work)
    finally:
        if as_json:
            print_json(found)


@app.command()
def snapshot(
    name: Name,
    called: Annotated[str | None, typer.Argument(metavar="[NAME]", help="What to call it; else the time.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the snapshots.")] = False,
    delete: Annotated[str | None, typer.Option(metavar="NAME", help="Delete that one.")] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Keep a state of a node to go back to: its disks, and its memory where it runs."""
    from builder.nodes import snapshots

    if sum([called is not None, listing, delete is not None]) > 1:
        raise RequestError("a NAME, --list and --delete exclude each other")
    if as_json and not listing:
        raise RequestError("--json goes with --list")
    with one(name, connect, output) as (node, _):
        if as_json:
            print_json([asdict(each) for each in node.domain.snapshots()])
        elif listing:
            for each in node.domain.snapshots():
                print(f"{each.name:<24} {when(each.created)}  {each.state}")
        elif delete is not None:
            snapshots.delete(node, delete)
            say(f"{name} has no snapshot {delete} any more")
        else:
            called = called or f"{datetime.now():%Y%m%d-%H%M%S}"
            snapshots.take(node, called)
            say(f"{name} has the snapshot {called}; golden node revert {name} {called} goes back to it")


@app.command()
def revert(
    name: Name,
    called: Annotated[str, typer.Argument(metavar="NAME", help="A snapshot's name.")],
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Go back to a snapshot; what a node is now is lost."""
    from builder.nodes import snapshots

    with one(name, connect, output) as (node, _):
        snapshots.revert(node, called)
        say(f"{name} is as in {called}, {node.domain.state}")


@app.command()
def remove(
    names: Names,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    keep_disks: Annotated[bool, typer.Option("--keep-disks", help="Keep the volumes.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Remove nodes, with the disks and reservations that were made for them and nothing else."""
    from builder.nodes.remove import Remover

    if not yes and not on_terminal():
        raise RequestError("no node is removed without being asked for", hint="--yes says that it is meant")

    @functools.cache
    def remover(hypervisor: Hypervisor) -> Remover:
        return Remover(hypervisor, output_at(output), keep_disks=keep_disks)

    def work(node: Node, hypervisor: Hypervisor) -> None:
        removal = remover(hypervisor).plan(node)
        if not yes:
            for line in removal.lines():
                say(line)
            if not typer.confirm(f"remove the node {node.name}?", err=True):
                say(f"{node.name} stays")
                return
            remover(hypervisor).look_again()
            removal = remover(hypervisor).plan(node)
        remover(hypervisor).remove(removal)
        for path in removal.stays:
            say(f"{path} stays")
        say(f"{node.name} is removed")

    each(names, connect, output, work, lambda hypervisor: remover(hypervisor).release_bases())


def check_console(names: list[str]) -> None:
    """Raises RequestError where there is no terminal to show one on."""
    from builder.nodes.names import expand

    if len(expand(names)) > 1:
        raise RequestError("a console is that of a single node")
    if not sys.stdin.isatty():
        raise RequestError("a console needs a terminal")


def show_console(name: str, connect: str | None, output: Path) -> None:
    """Become the program that shows a node's console: nothing is kept open that others may need meanwhile."""
    from builder.nodes.console import find_console

    with one(name, connect, output) as (node, hypervisor):
        found = find_console(node, hypervisor)
    argv = found.argv or (sys.executable, "-m", "builder.cli.relay", str(found.terminal))
    sys.stdout.flush()
    os.execv(argv[0], argv)


def when(seconds: int) -> str:
    """A time since 1970, in this host's local time."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"
