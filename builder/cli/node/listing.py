"""golden node list, info."""

from __future__ import annotations

from typing import Annotated

import typer

from builder.cli.connection import Connect, connected
from builder.cli.node.common import Name, format_time, opened_node
from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json, say
from builder.cli.progress import Progress
from builder.cli.tables import make_table, show_table
from builder.sizes import format_size

app = typer.Typer()


@app.command("list")
def list_nodes(
    template: Annotated[str | None, typer.Option(help="List only the nodes of this template.")] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """List the nodes, running or not, with the template version that each was cloned from."""
    from builder.nodes.managing.report import summaries

    with connected(connect, output, Progress()) as hypervisor:
        rows = [row for row in summaries(hypervisor) if template in (None, row["template"])]
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("no nodes; create one with `golden clone TEMPLATE NODE`")
        return
    table = make_table("node", "state", "template", "version", "addresses", "autostart")
    for row in rows:
        addresses = ", ".join(row["addresses"]) or "-"
        autostart = "yes" if row["autostart"] else "no"
        table.add_row(row["name"], row["state"], row["template"], row["version"], addresses, autostart)
    show_table(table)


@app.command()
def info(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT, as_json: AsJson = False) -> None:
    """Show a node: its template, machine, disks, interfaces and snapshots."""
    from builder.nodes.managing.report import details
    from builder.store import Store

    with opened_node(name, connect, output) as (node, hypervisor):
        report = details(node, hypervisor, Store(output_at(output).templates))
    if as_json:
        print_json(report)
        return
    note = "" if report["in_store"] else " (no longer in the store)"
    facts = {
        "node": report["name"],
        "uuid": report["uuid"],
        "state": f"{report['state']}, {'starts' if report['autostart'] else 'does not start'} when the host starts",
        "template": f"{report['template']}:{report['version']}{note}",
        "machine": f"{report['type']}, {report['vcpus']} processors, {format_size(report['memory'])}",
        "addresses": ", ".join(report["addresses"]) or "-",
    }
    for fact, value in facts.items():
        print(f"{fact:<11}{value}")
    for disk in report["disks"]:
        sizes = f"{format_size(disk['capacity'])}, {format_size(disk['allocation'])} used" if disk["capacity"] else "-"
        print(f"{'disk':<11}{disk['device']}  {disk['format']}  {sizes}  {disk['file'] or '-'}")
    for nic in report["nics"]:
        print(f"{'interface':<11}{nic['mac']}  {nic['kind']} {nic['source'] or ''}  {nic['model'] or ''}".rstrip())
    for snapshot in report["snapshots"]:
        print(f"{'snapshot':<11}{snapshot['name']}  {format_time(snapshot['created'])}  {snapshot['state']}")
