"""golden clone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.connection import Connect, connected
from builder.cli.options import OUTPUT, AsJson, OutputFolder, TemplateReference, output_at, print_json, show_error
from builder.cli.progress import Progress
from builder.errors import RequestError
from builder.sizes import parse_size

if TYPE_CHECKING:
    from builder.nodes.cloning.clone import CloneResult
    from builder.nodes.identity.request import CloneRequest

app = typer.Typer()


def option(name: str, help: str, metavar: str | None = None) -> Any:
    return typer.Option(name, help=help, metavar=metavar)


@app.command()
def clone(
    template: TemplateReference,
    names: Annotated[
        list[str], typer.Argument(metavar="NODE...", help="Names of the nodes, such as node1 or 'node{1..20}'.")
    ],
    count: Annotated[
        int | None, typer.Option(min=1, help="Number of nodes to create from one name: NODE1, NODE2, …")
    ] = None,
    cpus: Annotated[
        int | None, typer.Option(min=1, help="Number of virtual processors. Default: the template's.")
    ] = None,
    memory: Annotated[
        str | None, option("--memory", "Memory, such as 2G or 512M. Default: the template's.", "SIZE")
    ] = None,
    disk_size: Annotated[
        str | None, option("--disk-size", "Size of the first disk, such as 32G. Default: the template's.", "SIZE")
    ] = None,
    disks: Annotated[list[str] | None, option("--disk", "Add an empty disk, such as 200G; repeatable.", "SIZE")] = None,
    nics: Annotated[
        list[str] | None,
        option(
            "--nic",
            "Network interface: network=NAME or bridge=NAME, optionally ,mac=… and ,model=…; repeatable.",
            "KEY=VALUE,…",
        ),
    ] = None,
    ip: Annotated[
        str | None,
        option(
            "--ip",
            "IP address of the first node; the others get the addresses after it. On a bridge, append "
            "/PREFIX,gateway=…,dns=…",
            "IP",
        ),
    ] = None,
    ssh_keys: Annotated[
        list[str] | None, option("--ssh-key", "SSH public key for root, or a file of keys; repeatable.", "KEY")
    ] = None,
    hostname: Annotated[
        str | None, option("--hostname", "Host name of a single node. Default: the node's name.")
    ] = None,
    user_data: Annotated[
        Path | None, option("--user-data", "User-data file for the image's cloud-init.", "FILE")
    ] = None,
    autostart: Annotated[bool, typer.Option("--autostart", help="Start the nodes whenever the host starts.")] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help="Define the nodes without starting them.")] = False,
    console: Annotated[
        bool, typer.Option("--console", help="Attach to the serial console; works with a single node only.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every node has an IP address.")] = False,
    timeout: Annotated[
        float, typer.Option(min=1, help="With --wait: seconds before giving up. The nodes are kept.")
    ] = 300.0,
    pool: Annotated[str | None, option("--pool", "libvirt storage pool. Default: `default`.")] = None,
    settings: Annotated[
        list[str] | None,
        option("--set", "Set a variable of the template's domain XML, such as title=…; repeatable.", "KEY=VALUE"),
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Keep the nodes that succeeded when another one fails.")
    ] = False,
    signed_by: Annotated[
        str | None,
        typer.Option(
            "--require-signature",
            metavar="PUBKEY",
            envvar="GOLDEN_REQUIRE_SIGNATURE",
            help="Clone only a version signed with this minisign public key: a file, or the key itself.",
        ),
    ] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Clone nodes from a template; create all of them or none."""
    from builder.cli.node.console import console as show_console
    from builder.nodes.cloning.clone import clone as clone_nodes
    from builder.nodes.identity.address_lookup import wait_for_addresses
    from builder.nodes.identity.names import expand
    from builder.nodes.identity.nics import parse_nic
    from builder.nodes.identity.request import CloneRequest, parse_address
    from builder.store import Store

    request = CloneRequest(
        names=tuple(expand(names, count)),
        cpus=cpus,
        memory=size_of("--memory", memory),
        disk_size=size_of("--disk-size", disk_size),
        disks=tuple(size_of("--disk", size) or 0 for size in disks or []),
        nics=tuple(map(parse_nic, nics or [])),
        address=parse_address(ip) if ip else None,
        hostname=hostname,
        ssh_keys=tuple(key for text in ssh_keys or [] for key in read_keys(text)),
        user_data=read_file("--user-data", user_data) if user_data else None,
        autostart=autostart,
        start=not no_start,
        pool=pool,
        settings=dict(map(parse_setting, settings or [])),
        keep_going=keep_going,
    )
    check_request(request, console=console, wait=wait)
    version = Store(output_at(output).templates).find(template)
    if signed_by:
        from builder.attestations.signatures import verify

        verify(version, signed_by)
    with connected(connect, output, Progress()) as hypervisor, Progress() as progress:
        result = clone_nodes(request, version, hypervisor, output_at(output), progress)
        if wait:
            wait_for_addresses(list(result.domains.values()), hypervisor, timeout)
        report(result, as_json)
        for error in result.failed.values():
            show_error(error)
        if result.failed:
            raise typer.Exit(next(iter(result.failed.values())).exit_code)
    if console:
        show_console(request.names[0], connect, output)


def report(result: CloneResult, as_json: bool) -> None:
    """Print the new nodes: a line each, or one JSON document."""
    from builder.nodes.cloning.clone import planned_address

    version = result.spec.version
    rows = [
        {
            "name": node.name,
            "uuid": node.uuid,
            "hostname": node.hostname,
            "address": planned_address(node),
            "macs": [nic.mac for nic in node.nics],
            "state": result.domains[node.name].state,
        }
        for node in result.spec.nodes
        if node.name in result.domains
    ]
    if as_json:
        failed = {name: str(error) for name, error in result.failed.items()}
        print_json({"template": version.template, "version": version.name, "nodes": rows, "failed": failed})
        return
    for row in rows:
        print(f"{row['name']:<20} {row['address'] or '-':<16} {row['state']}")


def check_request(request: CloneRequest, *, console: bool, wait: bool) -> None:
    """Raise RequestError for options that exclude each other."""
    if not request.start and (console or wait):
        raise RequestError("--no-start excludes --wait and --console", hint="leave --no-start out")
    if console and len(request.names) > 1:
        raise RequestError(
            "--console works with a single node only", hint="clone without it, then run `golden node console NODE`"
        )
    if console and not sys.stdin.isatty():
        raise RequestError(
            "--console needs a terminal", hint="clone without it, then run `golden node console NODE` in a terminal"
        )


def size_of(option: str, text: str | None) -> int | None:
    """Bytes of a size such as 20G. Raises RequestError."""
    if text is None:
        return None
    try:
        size = parse_size(text)
        if not parse_size("1M") <= size <= parse_size("64T"):
            raise ValueError("must be a size from 1M to 64T")
    except ValueError as error:
        raise RequestError(str(error), where=f"{option} {text}") from error
    return size


def parse_setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise RequestError("expected KEY=VALUE", where=f"--set {text}", hint="write it like --set title=web")
    return key, value


def read_keys(text: str) -> list[str]:
    """SSH public keys: the text itself, or the keys in the file that it names. Raises RequestError."""
    from builder.steps.ssh_inject import check_key

    found = text if text.startswith(("ssh-", "ecdsa-", "sk-")) else read_file("--ssh-key", Path(text).expanduser())
    keys = [line.strip() for line in found.splitlines() if line.strip() and not line.startswith("#")]
    try:
        for number, key in enumerate(keys, 1):
            check_key(key, number)
    except ValueError as error:
        raise RequestError(str(error), where=f"--ssh-key {text[:40]}") from error
    if not keys:
        raise RequestError(
            "the file contains no SSH public key", where=f"--ssh-key {text}", hint="give the file that ends in .pub"
        )
    return keys


def read_file(option: str, file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"cannot read {file}", where=option, details=str(error)) from error
