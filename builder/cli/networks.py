"""golden network: libvirt networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.connection import Connect, connected
from builder.cli.editor import edit_until_valid
from builder.cli.options import OUTPUT, AsJson, OutputFolder, on_terminal, print_json, say
from builder.cli.progress import Progress
from builder.cli.tables import make_table, show_table
from builder.errors import RequestError

if TYPE_CHECKING:
    from builder.hypervisor.connection import Hypervisor
    from builder.hypervisor.networks import Network
    from builder.nodes.networks.manage import NetworkDescription

app = typer.Typer(help="List, create, change and remove libvirt networks.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the network.")]


@app.command("list")
def list_networks(connect: Connect = None, output: OutputFolder = OUTPUT, as_json: AsJson = False) -> None:
    """List the networks, active or not, and how many domains use each of them."""
    from builder.nodes.networks.manage import describe_all

    with hypervisor_with_networks(connect, output) as hypervisor:
        rows = [to_json(each) for each in describe_all(hypervisor)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("no networks; create one with `golden network create`", err=True)
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
    """Show a network: its addresses, its domains, its DHCP reservations and leases."""
    with hypervisor_with_networks(connect, output) as hypervisor:
        report = full_json(hypervisor.network(name), hypervisor)
    if as_json:
        print_json(report)
        return
    facts = {
        "network": report["name"],
        "uuid": report["uuid"],
        "state": report["state"],
        "autostart": "yes" if report["autostart"] else "no",
        "mode": report["mode"],
        "bridge": report["bridge"] or "-",
        "addresses": ", ".join(report["addresses"]) or "-",
        "dhcp": ", ".join(report["dhcp"]) or "-",
        "DNS domain": report["dns_domain"] or "-",
    }
    for fact, value in facts.items():
        print(f"{fact:<14}{value}")
    parts = {
        "domains": [f"{each['name']:<20} {'running' if each['running'] else 'shut off'}" for each in report["domains"]],
        "reservations": [f"{each['mac']}  {each['address']:<15}  {each['name']}" for each in report["reservations"]],
        "leases": [f"{each['mac']}  {each['address']:<15}  {lease_end(each)}" for each in report["leases"]],
    }
    for part, lines in parts.items():
        print(part if lines else f"{part:<14}none")
        for line in lines:
            print(f"  {line}".rstrip())


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new network.")],
    address: Annotated[
        str | None,
        typer.Option(metavar="IP/PREFIX", help="The host's own address in the network, such as 192.168.150.1/24."),
    ] = None,
    dhcp: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIRST-LAST", help="Range of DHCP addresses; for several, use commas or repeat the option."
        ),
    ] = None,
    nat: Annotated[
        bool, typer.Option("--nat", help="Guests reach other networks through the host's address (NAT). The default.")
    ] = False,
    route: Annotated[
        bool, typer.Option("--route", help="Guests reach other networks with their own addresses (routed).")
    ] = False,
    isolated: Annotated[bool, typer.Option("--isolated", help="Guests reach only each other and the host.")] = False,
    bridge: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Name of the bridge that libvirt creates. Default: virbrN, chosen by libvirt."
        ),
    ] = None,
    host_bridge: Annotated[
        str | None,
        typer.Option(metavar="BRIDGE", help="Use this existing bridge of the host; libvirt adds no addresses or DHCP."),
    ] = None,
    domain: Annotated[str | None, typer.Option(metavar="DNSNAME", help="DNS domain of the guests.")] = None,
    autostart: Annotated[bool, typer.Option("--autostart", help="Start the network when the host starts.")] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help="Define the network without starting it.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Create a network and start it. All options are checked before anything is changed."""
    from builder.nodes.networks.manage import create as create_network
    from builder.nodes.networks.request import MODES, NetworkRequest

    request = NetworkRequest(
        name=name,
        modes=tuple(mode for mode, wanted in zip(MODES, (nat, route, isolated), strict=True) if wanted),
        address=address,
        dhcp=tuple(each for text in dhcp or [] for each in text.split(",")),
        bridge=bridge,
        host_bridge=host_bridge,
        domain=domain,
    )
    with hypervisor_with_networks(connect, output) as hypervisor:
        network = create_network(request, hypervisor, start=not no_start, autostart=autostart)
        report = full_json(network, hypervisor)
    if as_json:
        print_json(report)
    else:
        print(
            f"{name}  {report['state']}  {report['mode']}  {report['bridge']} "
            f" {', '.join(report['addresses'])}".rstrip()
        )


@app.command()
def start(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Start a network."""
    with hypervisor_with_networks(connect, output) as hypervisor:
        network = hypervisor.network(name)
        if network.active:
            say(f"{name} is already active")
        else:
            network.start()
            say(f"{name} is now active")


@app.command()
def stop(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Stop a network that no running domain uses."""
    from builder.nodes.networks.manage import stop as stop_network

    with hypervisor_with_networks(connect, output) as hypervisor:
        network = hypervisor.network(name)
        if not network.active:
            say(f"{name} is already inactive")
        else:
            stop_network(network, hypervisor)
            say(f"{name} is now inactive")


@app.command()
def autostart(
    name: Name,
    off: Annotated[bool, typer.Option("--off", help="Do not start the network when the host starts.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Start a network automatically when the host starts; with --off, stop doing so."""
    with hypervisor_with_networks(connect, output) as hypervisor:
        hypervisor.network(name).set_autostart(not off)
    say(f"{name} {'does not start' if off else 'starts'} when the host starts")


@app.command()
def edit(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Edit a network's XML in $VISUAL, $EDITOR or vi; invalid XML is rejected."""
    from builder.nodes.networks.manage import redefine

    with hypervisor_with_networks(connect, output) as hypervisor:
        network = hypervisor.network(name)
        before = network.xml()
        if not edit_until_valid(before, name, lambda text: redefine(network, before, text, hypervisor)):
            say(f"{name} is unchanged")
        elif network.active:
            say(f"{name} is changed; restart it for the change to take effect:")
            say(f"  golden network stop {name} && golden network start {name}")
        else:
            say(f"{name} is changed")


@app.command()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Remove it even if domains that are shut off use it.")] = False,
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
                raise RequestError(f"cannot ask whether to remove {name}: no terminal", hint="pass --yes to remove it")
            if not typer.confirm(f"remove the network {name}?", err=True):
                say(f"{name} is kept")
                return
            # A domain may have started to use it while the user was answering.
            check_unused(network, hypervisor, force=force)
        remove_network(network)
    say(f"{name} is removed")


@contextmanager
def hypervisor_with_networks(connect: str | None, output: Path) -> Iterator[Hypervisor]:
    """A connection to the hypervisor. Raises RequestError if it has no networks."""
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
    """The document of `golden network info`."""
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
    """Who holds a lease, and until when, in this host's local time."""
    until = f"until {datetime.fromtimestamp(lease['expires']).astimezone():%Y-%m-%d %H:%M}" if lease["expires"] else ""
    return f"{lease['hostname'] or '-':<20} {until}"
