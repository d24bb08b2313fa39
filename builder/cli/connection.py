"""The option `--connect`, and the connection to the hypervisor that it names."""

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
        help="libvirt URI, such as qemu+ssh://root@host/system; `embed` needs no daemon. "
        "Default: the first that answers of qemu:///system, qemu:///session and libvirt's embedded driver.",
    ),
]


@contextmanager
def connected(uri: str | None, output: Path, emit: Emit) -> Iterator[Hypervisor]:
    """A connection to the hypervisor that the options name. Raises HypervisorError."""
    from builder.hypervisor.connection import connect

    with connect(uri, output_at(output).embedded, emit) as hypervisor:
        yield hypervisor
