"""Arguments and helpers that the commands for nodes share."""

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

Name = Annotated[str, typer.Argument(metavar="NODE", help="Name of the node.")]
Names = Annotated[list[str], typer.Argument(metavar="NODE...", help="Names of nodes, such as node1 or 'node{1..20}'.")]


def for_each(
    names: list[str],
    connect: str | None,
    output: Path,
    work: Callable[[Node, Hypervisor], None],
    after: Callable[[Hypervisor], None] = lambda hypervisor: None,
) -> None:
    """Call `work` for each node, then `after` once. An error is shown, and the other nodes go on.

    Exits with the code of the first error.
    """
    from builder.nodes.identity.names import expand
    from builder.nodes.managing.node import require_node

    failed: list[GoldenError] = []

    def attempt(work: Callable[[], None]) -> None:
        try:
            work()
        except GoldenError as error:
            failed.append(error)
            show_error(error)

    expanded = expand(names)
    with connected(connect, output, Progress()) as hypervisor:
        for name in expanded:
            attempt(lambda name=name: work(require_node(hypervisor, name), hypervisor))  # type: ignore[misc]
        attempt(lambda: after(hypervisor))
    if failed:
        raise typer.Exit(failed[0].exit_code)


@contextmanager
def opened_node(name: str, connect: str | None, output: Path) -> Iterator[tuple[Node, Hypervisor]]:
    """A single node, and its hypervisor. Raises RequestError if there is no such node."""
    from builder.nodes.managing.node import require_node

    with connected(connect, output, Progress()) as hypervisor:
        yield require_node(hypervisor, name), hypervisor


def format_time(seconds: int) -> str:
    """Seconds since 1970 as a date and time in this host's time zone."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"
