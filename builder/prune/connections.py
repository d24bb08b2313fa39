"""The hypervisors that are asked what stands on the versions: all that are known."""

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
    """The hypervisors that answered, and in words those that did not."""

    hypervisors: tuple[Hypervisor, ...]
    unreachable: tuple[str, ...]


@contextmanager
def reach(named: Sequence[str], output: Output, emit: Emit) -> Iterator[ReachedHypervisors]:
    """Those on which nodes were ever made, and those named, else the ones that clones look for, where they answer.

    Raises HostError.
    """
    with ExitStack() as open_ones:
        found: dict[str, Hypervisor] = {}
        unreachable: list[str] = []
        for uri in dict.fromkeys((*named, *known_uris(output))):
            try:
                hypervisor = open_ones.enter_context(connect(uri, output.embedded, emit))
            except GoldenError as error:
                unreachable.append(f"{uri}: {error.details or error.message}")
            else:
                found[hypervisor.uri] = hypervisor
        if not named:
            _add_local(open_ones, found, output, emit)
        yield ReachedHypervisors(tuple(found.values()), tuple(unreachable))


def _add_local(open_ones: ExitStack, found: dict[str, Hypervisor], output: Output, emit: Emit) -> None:
    # A daemon of the user's is asked where it runs; none is started for this.
    os.environ.setdefault("LIBVIRT_AUTOSTART", "0")
    for uri in DAEMONS:
        # To root a session is the system's daemon by another name.
        if uri not in found and not (os.geteuid() == 0 and DAEMONS[0] in found):
            try:
                found[uri] = open_ones.enter_context(connect(uri, output.embedded, emit))
            except GoldenError:
                continue
    if (output.embedded / "etc").is_dir() and not any(each.embedded for each in found.values()):
        hypervisor = open_ones.enter_context(connect(EMBEDDED, output.embedded, emit))
        found[hypervisor.uri] = hypervisor


def refuse_unseen(unseen: Sequence[str], output: Output, emit: Emit, *, allowed: bool) -> None:
    """Raises InUseError where something could not be asked, unless that is `allowed`."""
    if not unseen:
        return
    if not allowed:
        raise InUseError(
            "what stands on the versions cannot be told",
            details="\n".join(unseen),
            hint="--unreachable-ok takes it that nothing does there; "
            f"a hypervisor that is gone for good is forgotten in {output.connections}",
        )
    for each in unseen:
        emit(Notice(f"not asked, {each}", warning=True))
