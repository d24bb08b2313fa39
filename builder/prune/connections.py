"""The hypervisors that golden asks whether versions are in use: all that it knows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from builder.errors import GoldenError, InUseError
from builder.events import Emit, Notice
from builder.hypervisor.connection import DAEMONS, EMBEDDED, Hypervisor, connect
from builder.nodes.connections import known_uris
from builder.paths import Output


@dataclass(frozen=True, slots=True)
class ReachedHypervisors:
    """The hypervisors that answered; `unreachable` says, in words, which did not and why."""

    hypervisors: tuple[Hypervisor, ...]
    unreachable: tuple[str, ...]


@contextmanager
def reach(named: Sequence[str], output: Output, emit: Emit) -> Iterator[ReachedHypervisors]:
    """Connect to every hypervisor on which golden created nodes, and to those in `named`.

    Without `named`, also connect to the hypervisors of this host that answer. Raises HostError.
    """
    with ExitStack() as connections:
        found: dict[str, Hypervisor] = {}
        unreachable: list[str] = []
        for uri in dict.fromkeys((*named, *known_uris(output))):
            try:
                hypervisor = connections.enter_context(connect(uri, output.embedded, emit))
            except GoldenError as error:
                unreachable.append(f"{uri}: {error.details or error.message}")
            else:
                found[hypervisor.uri] = hypervisor
        if not named:
            _add_local(connections, found, output, emit)
        yield ReachedHypervisors(tuple(found.values()), tuple(unreachable))


def _add_local(connections: ExitStack, found: dict[str, Hypervisor], output: Output, emit: Emit) -> None:
    # Ask the user's daemon if it runs, but do not start it.
    os.environ.setdefault("LIBVIRT_AUTOSTART", "0")
    for uri in DAEMONS:
        # For root, the session daemon is the system daemon under another name.
        if uri not in found and not (os.geteuid() == 0 and DAEMONS[0] in found):
            try:
                found[uri] = connections.enter_context(connect(uri, output.embedded, emit))
            except GoldenError:
                continue
    if (output.embedded / "etc").is_dir() and not any(each.embedded for each in found.values()):
        hypervisor = connections.enter_context(connect(EMBEDDED, output.embedded, emit))
        found[hypervisor.uri] = hypervisor


def refuse_unchecked(unchecked: Sequence[str], output: Output, emit: Emit, *, allowed: bool) -> None:
    """Raises InUseError if a hypervisor or pool could not be checked, unless that is `allowed`; then warns."""
    if not unchecked:
        return
    if not allowed:
        raise InUseError(
            "cannot check whether nodes use the versions; nothing was removed",
            details="\n".join(unchecked),
            hint="pass --unreachable-ok to assume that nothing there uses them; "
            f"if a hypervisor no longer exists, remove it from {output.connections}",
        )
    for each in unchecked:
        emit(Notice(f"assuming that no version is in use there: {each}", warning=True))
