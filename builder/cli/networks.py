"""golden network: libvirt's networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.connection import Connect, connected
from builder.cli.editor import edit_until_right
from builder.cli.options import OUTPUT, AsJson, OutputFolder, on_terminal, print_json, say
from builder.cli.progress import Progress
from builder.cli.tables import make_table, show_table
from builder.errors import RequestError

if TYPE_CHECKING:
    from builder.hypervisor.connection import Hypervisor
    from builder.hypervisor.networks import Network
    from builder.nodes.networks.manage import NetworkDescription

app = typer.Typer(help="List, make, change and remove libvirt's networks.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A network's name.")]


@app.command("list")
def list_networks(connect: Connect = None, output: OutputFolder = OUTPUT, as_json: AsJson = False) -> None:
    """List the networks, active or not, and how many domains use each."""
    from builder.nodes.networks.manage import describe_all

    with hypervisor_with_networks(connect, output) as hypervisor:
        rows = [to_json(each) for each in describe_all(hypervisor)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("no networks; `golden network create` makes one", err=True)
        return
    table = make_table("network", "state", "autostart", "mode", "bridge", "addresses", "dhcp", "domains")
    for row in rows:
        lists = [", ".join(row[key]) or "-" for key in ("addresses", "dhcp")]
        autostart = "yes" if row["autostart"] else "no"
        table.add_row(
            row["name"], row["state"], autostart, row["mode"], row["bridge"] or "-", *lists, str(len(row["domains"]))
        )
    show_table(table)


@app.command()
def info(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT, as_json: AsJson = False) -> None:
    """Show a network: its addresses, who uses it, its reservations and leases."""
    with hypervisor_with_networks(connect, output) as hypervisor:
        told = full_json(hypervisor.network(name), hypervisor)
    if as_json:
        print_json(told)
        return
    facts = {
        "network": told["name"],
        "uuid": told["uuid"],
        "state": told["state"],
        "autostart": "yes" if told["autostart"] else "no",
        "mode": told["mode"],
        "bridge": told["bridge"] or "-",
        "addresses": ", ".join(told["addresses"]) or "-",
        "dhcp": ", ".join(told["dhcp"]) or "-",
        "DNS domain": told["dns_domain"] or "-",
    }
    for fact, value in facts.items():
        print(f"{fact:<14}{value}")
    parts = {
        "domains": [f"{each['name']:<20} {'running' if each['running'] else 'shut off'}" for each in told["domains"]],
        "reservations": [f"{each['mac']}  {each['address']:<15}  {each['name']}" for each in told["reservations"]],
        "leases": [f"{each['mac']}  {each['address']:<15}  {lease_end(each)}" for each in told["leases"]],
    }
    for part, lines in parts.items():
        print(part if lines else f"{part:<14}none")
        for line in lines:
            print(f"  {line}".rstrip())


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the network is to be called.")],
    address: Annotated[
        str | None, typer.Option(metavar="IP/PREFIX", help="The host's own address, such as 192.168.150.1/24.")
    ] = None,
    dhcp: Annotated[
        list[str] | None,
        typer.Option(metavar="FIRST-LAST", help="Addresses for DHCP; more after commas, or repeated."),
    ] = None,
    nat: Annotated[
        bool, typer.Option("--nat", help="Guests reach out behind the host's address; the default.")
    ] = False,
    route: Annotated[bool, typer.Option("--route", help="Guests reach out with their own addresses.")] = False,
    isolated: Annotated[bool, typer.Option("--isolated", help="Guests reach each other and the host only.")] = False,
    bridge: Annotated[
        str | None, typer.Option(metavar="NAME", help="The bridge that libvirt makes; else it chooses virbrN.")
    ] = None,
    host_bridge: Annotated[
        str | None, typer.Option(metavar="BRIDGE", help="Use a bridge that the host has, and nothing else.")
    ] = None,
    domain: Annotated[str | None, typer.Option(metavar="DNSNAME", help="The DNS domain of its guests.")] = None,
    autostart: Annotated[bool, typer.Option("--autostart", help="Start it when its host starts.")] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help="Only define it.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Make a network and start it. All is checked before libvirt is asked to define anything."""
    from builder.nodes.networks.manage import create as create_network
    from builder.nodes.networks.request import MODES, NetworkRequest

    request = NetworkRequest(
        name=name,
        modes=tuple(mode for mode, asked in zip(MODES, (nat, route, isolated), strict=True) if asked),
        address=address,
        dhcp=tuple(each for text in dhcp or [] for each in text.split(",")),
        bridge=bridge,
        host_bridge=host_bridge,
        domain=domain,
    )
    with hypervisor_with_networks(connect, output) as hypervisor:
        made = create_network(request, hypervisor, start=not no_start, autostart=autostart)
        told = full_json(made, hypervisor)
    if as_json:
        print_json(told)
    else:
        print(f"{name}  {told['state']}  {told['mode']}  {told['bridge']}  {', '.join(told['addresses'])}".rstrip())


@app.command()
def start(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Start a network."""
    with hypervisor_with_networks(connect, output) as hypervisor:
        network = hypervisor.network(name)
        if network.active:
            say(f"{name} is active already")
        else:
            network.start()
            say(f"{name} is active")


@app.command()
def stop(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Stop a network that no running domain uses."""
    from builder.nodes.networks.manage import stop as stop_network

    with hypervisor_with_networks(connect, output) as hypervisor:
        network = hypervisor.network(name)
        if not network.active:
            say(f"{name} is inactive already")
        else:
            stop_network(network, hypervisor)
            say(f"{name} is inactive")


@app.command()
def autostart(
    name: Name,
    off: Annotated[bool, typer.Option("--off", help="Do not start it with its host.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Start a network when its host starts."""
    with hypervisor_with_networks(connect, output) as hypervisor:
        hypervisor.network(name).set_autostart(not off)
    say(f"{name} is {'not ' if off else ''}started with its host")


@app.command()
def edit(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Edit a network's XML with $VISUAL, $EDITOR or vi; it is checked before it is defined."""
    from builder.nodes.networks.manage import redefine

    with hypervisor_with_networks(connect, output) as hypervisor:
        network = hypervisor.network(name)
        before = network.xml()
        if not edit_until_right(before, name, lambda text: redefine(network, before, text, hypervisor)):
            say(f"{name} is unchanged")
        elif network.active:
            say(f"{name} is changed; that takes effect when it starts again:")
            say(f"  golden network stop {name} && golden network start {name}")
        else:
            say(f"{name} is changed")


@app.command()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Although domains that are shut off refer to it.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Remove a network that no domain uses."""
    from builder.nodes.networks.manage import check_unused
    from builder.nodes.networks.manage import remove as remove_network

    with hypervisor_with_networks(connect, output) as hypervisor:
        network = hypervisor.network(name)
        check_unused(network, hypervisor, force=force)
        if not yes:
            if not on_terminal():
                raise RequestError(f"{name} is not removed without being asked for", hint="--yes says that it is meant")
            if not typer.confirm(f"remove the network {name}?", err=True):
                say(f"{name} stays")
                return
            # Somebody may have begun to use it while the question stood.
            check_unused(network, hypervisor, force=force)
        remove_network(network)
    say(f"{name} is removed")


@contextmanager
def hypervisor_with_networks(connect: str | None, output: Path) -> Iterator[Hypervisor]:
    """Raises RequestError where it has no networks."""
    from builder.nodes.networks.manage import check_networks

    with connected(connect, output, Progress()) as hypervisor:
        check_networks(hypervisor)
        yield hypervisor


def to_json(described: NetworkDescription) -> dict[str, Any]:
    """A row of `golden network list`."""
    from builder.nodes.networks.problems import format_range

    definition = described.definition
    return {
        "name": definition.name,
        "uuid": definition.uuid,
        "state": "active" if described.active else "inactive",
        "autostart": described.autostart,
        "mode": definition.mode,
        "bridge": definition.bridge,
        "addresses": [str(own) for own in definition.addresses],
        "dhcp": [format_range(*each) for each in definition.ranges],
        "dns_domain": definition.domain,
        "domains": [{"name": user.name, "running": user.running} for user in described.users],
    }


def full_json(network: Network, hypervisor: Hypervisor) -> dict[str, Any]:
    """What `golden network info` tells."""
    from dataclasses import asdict

    from builder.nodes.networks.manage import describe
    from builder.nodes.networks.users import list_network_users

    described = describe(network, list_network_users(hypervisor))
    return {
        **to_json(described),
        "reservations": [asdict(each) for each in described.definition.reservations],
        "leases": [asdict(each) for each in network.leases()],
    }


def lease_end(lease: dict[str, Any]) -> str:
    """Whose it is, and until when, in this host's local time."""
    until = f"until {datetime.fromtimestamp(lease['expires']).astimezone():%Y-%m-%d %H:%M}" if lease["expires"] else ""
    return f"{lease['hostname'] or '-':<20} {until}"
