"""The driver of pruning: what may go is told, or goes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from builder import files, locks
from builder.errors import GoldenError, HostError
from builder.events import Emit, Notice
from builder.hypervisor.connection import Hypervisor
from builder.nodes.cloning.base_volume import release_base_volume
from builder.nodes.journal import CloneJournals
from builder.paths import Output
from builder.prune.connections import reach, refuse_unseen
from builder.prune.graph import BaseVolume, DependencyGraph, GraphVertex
from builder.prune.plan import PrunePlan, RetentionPolicy, plan_prune
from builder.prune.scan import ASIDE, aside_name, asides, scan
from builder.store import Store, Version
from builder.store.channels import COMPANION_FOLDERS


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """What is asked of pruning; no `templates` means all, no `connections` those that are known."""

    policy: RetentionPolicy = field(default_factory=RetentionPolicy)
    templates: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    unreachable_ok: bool = False


def foresee(request: PruneRequest, output: Output, emit: Emit) -> PrunePlan:
    """What `prune` would do. Changes nothing. Raises GoldenError, InUseError for what cannot be asked."""
    require_templates(request, output)
    with reach(request.connections, output, emit) as reached:
        return look(request, output, reached.hypervisors, reached.unreachable, emit)[1]


def prune(request: PruneRequest, output: Output, emit: Emit) -> PrunePlan:
    """Remove the versions that no policy keeps and on which nothing stands, with their bases in pools.

    It is decided while no clone can choose a version, no build a parent, and no channel moves; then
    the versions' folders are renamed, and gone for everybody. Killed later, the rest is removed by the
    next call. Raises GoldenError, InUseError for what cannot be asked; what was removed by then is.
    """
    require_templates(request, output)
    waiting = Notice("another `golden prune` is running; waiting for it to end")
    with locks.held(output.prune_lock, on_wait=lambda: emit(waiting)):
        return remove(request, output, emit)


def remove(request: PruneRequest, output: Output, emit: Emit) -> PrunePlan:
    """Do it, alone."""
    store = Store(output.templates)
    # What was published again since it was put aside would be in the way.
    clear(output, lambda version: folder_of(version, output).exists())
    with reach(request.connections, output, emit) as reached:
        with still(store, request.templates or store.templates(), output):
            graph, plan = look(request, output, reached.hypervisors, reached.unreachable, emit)
            for decision in plan.removed:
                put_aside(decision.version, output)
        bases = [graph.bases[file] for decision in plan.removed for file in decision.bases]
        bases += [graph.bases[file] for file in plan.stray]
        failed = remove_bases(bases, reached.hypervisors, output, emit)
    waits = {base.version for base in failed}
    clear(output, lambda version: version not in waits)
    if failed:
        raise HostError(
            "not all that goes with the removed versions could be removed",
            details="\n".join(f"{base.volume} in the pool {base.pool} of {base.uri}" for base in failed),
            hint="the next `golden prune --yes` tries again",
        )
    return plan


def require_templates(request: PruneRequest, output: Output) -> None:
    """Raises RequestError for templates that there are none of."""
    for template in request.templates:
        Store(output.templates).require_template(template)


def look(
    request: PruneRequest, output: Output, hypervisors: Iterable[Hypervisor], unreachable: Sequence[str], emit: Emit
) -> tuple[DependencyGraph, PrunePlan]:
    """What stands on what now, and what follows from it."""
    graph, unseen = scan(output, hypervisors)
    refuse_unseen([*unreachable, *unseen], output, emit, allowed=request.unreachable_ok)
    return graph, plan_prune(graph, request.policy, datetime.now(UTC), request.templates or None)


@contextmanager
def still(store: Store, templates: Iterable[str], output: Output) -> Iterator[None]:
    """Let no clone choose, no build take one of these templates as its parent, and none of their channels move."""
    with ExitStack() as held:
        held.enter_context(CloneJournals(output.clones).locked())
        for template in sorted(templates):
            held.enter_context(store.locked(template))
        yield


def folder_of(version: GraphVertex, output: Output) -> Path:
    return output.templates / version.place / version.name


def put_aside(version: GraphVertex, output: Output) -> None:
    """Take a version out of the store, by one rename. Raises HostError."""
    folder = folder_of(version, output)
    try:
        files.move(folder, folder.with_name(f".{version.name}{ASIDE}"))
    except OSError as error:
        raise HostError(f"{version} cannot be removed", where=str(folder), details=str(error)) from error


def remove_bases(
    bases: Iterable[BaseVolume], hypervisors: Iterable[Hypervisor], output: Output, emit: Emit
) -> list[BaseVolume]:
    """Delete volumes on which nothing stands; those that could not be deleted, which is said."""
    by_uri = {hypervisor.uri: hypervisor for hypervisor in hypervisors}
    failed = []
    for base in bases:
        hypervisor = by_uri[base.uri]
        try:
            pool = hypervisor.find_pool(base.pool)
            if pool is not None:
                release_base_volume(base.volume, pool, output, CloneJournals(output.clones).claims(base.uri))
        except GoldenError as error:
            emit(Notice(f"{base.volume} stays in the pool {base.pool} of {base.uri}: {error}", warning=True))
            failed.append(base)
    return failed


def clear(output: Output, ready: Callable[[GraphVertex], bool]) -> None:
    """Remove what was put aside, now or by a call that was cut off, where it is ready for that. Raises HostError."""
    try:
        for folder in asides(output):
            version = GraphVertex("version", folder.parent.name, aside_name(folder))
            if not ready(version):
                continue
            if not folder_of(version, output).exists():
                remove_beside(Version(version.place, version.name, folder_of(version, output)))
            shutil.rmtree(folder)
            remove_empty(folder.parent, output)
    except OSError as error:
        raise HostError("a version that was removed could not be deleted", details=str(error)) from error


def remove_beside(version: Version) -> None:
    """Remove what became of booting a version, and its signature. Raises OSError."""
    if version.verification_folder.exists():
        shutil.rmtree(version.verification_folder)
    version.signature_file.unlink(missing_ok=True)


def remove_empty(folder: Path, output: Output) -> None:
    """Remove a template that has neither versions nor channels any more, and its history with it."""
    store = Store(output.templates)
    with store.locked(folder.name):
        entries = {path.name for path in folder.iterdir()}
        beside = [folder / name for name in sorted(entries & COMPANION_FOLDERS)]
        if entries - {"history.jsonl"} - COMPANION_FOLDERS or any(any(each.iterdir()) for each in beside):
            return
        for each in beside:
            each.rmdir()
        (folder / "history.jsonl").unlink(missing_ok=True)
        folder.rmdir()
