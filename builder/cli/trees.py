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

app = typer.Typer(help="Check install trees, and serve them over HTTP.", no_args_is_help=True)

INCOMPLETE = RequestError.exit_code


@app.command()
def check(
    tree: Annotated[
        str,
        typer.Argument(
            metavar="URL|FOLDER|ISO", help="Install tree to check. For Debian, it may end in /dists/RELEASE."
        ),
    ],
    arch: Annotated[
        str | None,
        typer.Option(metavar="ARCH", help="Fail unless the tree is for this architecture, such as x86_64 or aarch64."),
    ] = None,
    silence: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.1, help="Give up when the server sends nothing for this many seconds."),
    ] = SILENCE,
    as_json: AsJson = False,
) -> None:
    """Check that a tree is complete. Also compares the files with the checksums that the tree lists."""
    from builder.install_trees.check import check_tree
    from builder.install_trees.tree import open_tree

    findings: list[Finding] = []
    try:
        with Progress() as progress, open_tree(tree, silence=silence) as opened:
            name = str(opened)
            for finding in check_tree(opened, arch, progress):
                findings.append(finding)
    finally:  # findings from before a failure are still valid
        if not as_json:
            for finding in findings:
                print(f"{'ok' if finding.ok else 'WRONG':<6}{finding.message}")
    complete = all(finding.ok for finding in findings)
    if as_json:
        rows = [{"ok": finding.ok, "message": finding.message} for finding in findings]
        print_json({"tree": name, "complete": complete, "findings": rows})
    if not complete:
        raise typer.Exit(INCOMPLETE)


@app.command()
def serve(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|ISO",
            help="Folder with an install tree, or an ISO image, whose files are served without unpacking it.",
        ),
    ],
    address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on; 127.0.0.1 serves this host only.")
    ] = "0.0.0.0",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses a free one.")] = 8000,
) -> None:
    """Serve an install tree over HTTP to installers and nodes, until Ctrl-C or SIGTERM."""
    import asyncio

    from builder.install_trees.share import open_share

    progress = Progress()  # never entered: a live line would take over stdout
    share = open_share(source)
    try:
        describe(source, progress)
        asyncio.run(serve_until_stopped(share, address, port, progress))
    finally:
        share.close()


def describe(source: Path, progress: Progress) -> None:
    """Report which tree this is. A folder that is no install tree may be a repository: warn, and serve it anyway."""
    from builder.install_trees.tree import open_tree

    try:
        with open_tree(source) as tree:
            info = tree.find_info()
    except RequestError as error:
        progress(Notice(str(error), warning=True))
        return
    if info is None:
        progress(Notice(f"{source} is not an install tree; serving its files anyway", warning=True))
    else:
        progress(Notice(f"serving {info.family} {info.version} for {info.arch}"))


async def serve_until_stopped(share: Share, address: str, port: int, progress: Progress) -> None:
    """Serve until SIGTERM, which ends a service and is no failure. Ctrl-C interrupts, as in any command."""
    import asyncio

    from builder.install_trees.serve import serving, urls

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with serving(share, address, port, progress) as listening:
        for url in urls(address, listening):
            print(f"tree: {url}", flush=True)
        await stopped.wait()
