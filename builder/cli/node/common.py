"""What the commands for nodes share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.connection import connected
from builder.cli.options import show_error
from builder.cli.progress import Progress
from builder.errors import GoldenError

if TYPE_CHECKING:
    from builder.hypervisor.connection import Hypervisor
    from builder.nodes.managing.node import Node

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
    from builder.nodes.identity.names import expand
    from builder.nodes.managing.node import require_node

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
            attempt(lambda name=name: work(require_node(hypervisor, name), hypervisor))  # type: ignore[misc]
        attempt(lambda: after(hypervisor))
    if failed:
        raise typer.Exit(failed[0].exit_code)


@contextmanager
def one(name: str, connect: str | None, output: Path) -> Iterator[tuple[Node, Hypervisor]]:
    """A single node. Raises RequestError."""
    from builder.nodes.managing.node import require_node

    with connected(connect, output, Progress()) as hypervisor:
        yield require_node(hypervisor, name), hypervisor


def when(seconds: int) -> str:
    """A time since 1970, in this host's local time."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"
