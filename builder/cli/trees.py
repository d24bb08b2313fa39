"""golden tree: install trees."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.options import AsJson, print_json
from builder.cli.progress import Progress
from builder.errors import RequestError
from builder.events import Notice
from builder.install_trees.source import SILENCE

if TYPE_CHECKING:
    from builder.findings import Finding
    from builder.install_trees.share import Share

app = typer.Typer(help="Check install trees, and serve them.", no_args_is_help=True)

INCOMPLETE = RequestError.exit_code


@app.command()
def check(
    tree: Annotated[
        str, typer.Argument(metavar="URL|FOLDER|ISO", help="A tree; one of Debian may end in /dists/RELEASE.")
    ],
    arch: Annotated[
        str | None, typer.Option(metavar="ARCH", help="What it has to be for, such as x86_64 or aarch64.")
    ] = None,
    silence: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="How long a server may send nothing.")
    ] = SILENCE,
    as_json: AsJson = False,
) -> None:
    """Tell whether a tree is complete. What has a checksum is read as a whole and compared."""
    from builder.install_trees.check import check_tree
    from builder.install_trees.tree import open_tree

    findings: list[Finding] = []
    try:
        with Progress() as progress, open_tree(tree, silence=silence) as opened:
            name = str(opened)
            for finding in check_tree(opened, arch, progress):
                findings.append(finding)
    finally:  # what was found before the server went is true all the same
        if not as_json:
            for finding in findings:
                print(f"{'ok' if finding.ok else 'WRONG':<6}{finding.message}")
    complete = all(finding.ok for finding in findings)
    if as_json:
        told = [{"ok": finding.ok, "message": finding.message} for finding in findings]
        print_json({"tree": name, "complete": complete, "findings": told})
    if not complete:
        raise typer.Exit(INCOMPLETE)


@app.command()
def serve(
    source: Annotated[Path, typer.Argument(metavar="FOLDER|ISO", help="What to serve; an ISO image is not unpacked.")],
    address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address to listen on; 127.0.0.1 serves this host alone.")
    ] = "0.0.0.0",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 8000,
) -> None:
    """Serve an install tree and its packages over HTTP, to installers and nodes, until Ctrl-C or SIGTERM."""
    import asyncio

    from builder.install_trees.share import open_share

    progress = Progress()  # lines only: a live one would keep stdout for itself
    share = open_share(source)
    try:
        describe(source, progress)
        asyncio.run(serve_until_told(share, address, port, progress))
    finally:
        share.close()


def describe(source: Path, progress: Progress) -> None:
    """Say which tree this is; what is none may be a repository, or a mistake, and is served all the same."""
    from builder.install_trees.tree import open_tree

    try:
        with open_tree(source) as tree:
            info = tree.find_info()
    except RequestError as error:
        progress(Notice(str(error), warning=True))
        return
    if info is None:
        progress(Notice(f"{source} is served, and is no install tree", warning=True))
    else:
        progress(Notice(f"serving {info.family} {info.version} for {info.arch}"))


async def serve_until_told(share: Share, address: str, port: int, progress: Progress) -> None:
    """SIGTERM is how a service is ended, and no failure; Ctrl-C interrupts, as any command."""
    import asyncio

    from builder.install_trees.serve import serving, urls

    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    async with serving(share, address, port, progress) as listening:
        for url in urls(address, listening):
            print(f"tree: {url}", flush=True)
        await told.wait()
