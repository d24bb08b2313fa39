"""golden node list, info."""

from __future__ import annotations

from typing import Annotated

import typer

from builder.cli.connection import Connect, connected
from builder.cli.node.common import Name, one, when
from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json, say
from builder.cli.progress import Progress
from builder.cli.tables import make_table, show_table
from builder.sizes import format_size

app = typer.Typer()


@app.command("list")
def list_nodes(
    template: Annotated[str | None, typer.Option(help="Only the nodes of that template.")] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """List the nodes, running or not, and of what they were cloned."""
    from builder.nodes.managing.report import summaries

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
    from builder.nodes.managing.report import details
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
