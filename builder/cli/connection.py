"""The options that say which hypervisor, and the connection to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.options import output_at

if TYPE_CHECKING:
    from builder.events import Emit
    from builder.hypervisor.connection import Hypervisor

Connect = Annotated[
    str | None,
    typer.Option(
        "--connect",
        metavar="URI",
        envvar="LIBVIRT_DEFAULT_URI",
        help="libvirt's URI, such as qemu+ssh://root@host/system; `embed` needs no daemon. "
        "Else whichever answers: qemu:///system, qemu:///session, libvirt's embedded driver.",
    ),
]


@contextmanager
def connected(uri: str | None, output: Path, emit: Emit) -> Iterator[Hypervisor]:
    """The hypervisor that the options mean. Raises HypervisorError."""
    from builder.hypervisor.connection import connect

    with connect(uri, output_at(output).embedded, emit) as hypervisor:
        yield hypervisor
