"""The driver of pruning: it shows or removes the versions that are no longer needed."""

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
from builder.prune.connections import reach, refuse_unchecked
from builder.prune.graph import BaseVolume, DependencyGraph, GraphVertex
from builder.prune.plan import PrunePlan, RetentionPolicy, plan_prune
from builder.prune.scan import ASIDE, name_of_set_aside, scan, set_aside_folders
from builder.store import Store, Version
from builder.store.channels import COMPANION_FOLDERS


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """A request to prune; no `templates` means all, no `connections` means the known ones."""

    policy: RetentionPolicy = field(default_factory=RetentionPolicy)
    templates: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    unreachable_ok: bool = False


def foresee(request: PruneRequest, output: Output, emit: Emit) -> PrunePlan:
    """What `prune` would do. Changes nothing. Raises GoldenError; InUseError for hypervisors that cannot be asked."""
    require_templates(request, output)
    with reach(request.connections, output, emit) as reached:
        return make_plan(request, output, reached.hypervisors, reached.unreachable, emit)[1]


def prune(request: PruneRequest, output: Output, emit: Emit) -> PrunePlan:
    """Remove the versions that no policy keeps and nothing uses, and their base volumes in pools.

    While it decides, no clone can choose a version, no build a parent, and no channel moves. Then it renames the
    versions' folders, which removes them for everybody. If it is killed later, the next call removes the rest.
    Raises GoldenError; InUseError for hypervisors that cannot be asked. Versions removed by then stay removed.
    """
    require_templates(request, output)
    waiting = Notice("another `golden prune` is running; waiting for it to end")
    with locks.held(output.prune_lock, on_wait=lambda: emit(waiting)):
        return run_prune(request, output, emit)


def run_prune(request: PruneRequest, output: Output, emit: Emit) -> PrunePlan:
    """Prune; the caller holds the lock."""
    store = Store(output.templates)
    # A version may have been published again since its folder was set aside: that name must be free.
    clear(output, lambda version: folder_of(version, output).exists())
    with reach(request.connections, output, emit) as reached:
        with locked(store, request.templates or store.templates(), output):
            graph, plan = make_plan(request, output, reached.hypervisors, reached.unreachable, emit)
            for decision in plan.removed:
                set_aside(decision.version, output)
        bases = [graph.bases[file] for decision in plan.removed for file in decision.bases]
        bases += [graph.bases[file] for file in plan.stray]
        failed = remove_bases(bases, reached.hypervisors, output, emit)
    blocked = {base.version for base in failed}
    clear(output, lambda version: version not in blocked)
    if failed:
        raise HostError(
            "some base volumes of the removed versions could not be deleted",
            details="\n".join(f"{base.volume} in the pool {base.pool} of {base.uri}" for base in failed),
            hint="run `golden prune --yes` again when golden can write to these pools",
        )
    return plan


def require_templates(request: PruneRequest, output: Output) -> None:
    """Raises RequestError for a template that does not exist."""
    for template in request.templates:
        Store(output.templates).require_template(template)


def make_plan(
    request: PruneRequest, output: Output, hypervisors: Iterable[Hypervisor], unreachable: Sequence[str], emit: Emit
) -> tuple[DependencyGraph, PrunePlan]:
    """The current dependencies, and the plan that follows from them. Raises GoldenError."""
    graph, unchecked = scan(output, hypervisors)
    refuse_unchecked([*unreachable, *unchecked], output, emit, allowed=request.unreachable_ok)
    return graph, plan_prune(graph, request.policy, datetime.now(UTC), request.templates or None)


@contextmanager
def locked(store: Store, templates: Iterable[str], output: Output) -> Iterator[None]:
    """Keep clones and builds from choosing a version of these templates, and their channels from moving."""
    with ExitStack() as held:
        held.enter_context(CloneJournals(output.clones).locked())
        for template in sorted(templates):
            held.enter_context(store.locked(template))
        yield


def folder_of(version: GraphVertex, output: Output) -> Path:
    return output.templates / version.place / version.name


def set_aside(version: GraphVertex, output: Output) -> None:
    """Take a version out of the store by one rename. Raises HostError."""
    folder = folder_of(version, output)
    try:
        files.move(folder, folder.with_name(f".{version.name}{ASIDE}"))
    except OSError as error:
        raise HostError(
            f"cannot remove {version}",
            where=str(folder),
            details=str(error),
            hint="check the permissions of its folder",
        ) from error


def remove_bases(
    bases: Iterable[BaseVolume], hypervisors: Iterable[Hypervisor], output: Output, emit: Emit
) -> list[BaseVolume]:
    """Delete unused base volumes; return those that could not be deleted, after a warning."""
    by_uri = {hypervisor.uri: hypervisor for hypervisor in hypervisors}
    failed = []
    for base in bases:
        hypervisor = by_uri[base.uri]
        try:
            pool = hypervisor.find_pool(base.pool)
            if pool is not None:
                release_base_volume(base.volume, pool, output, CloneJournals(output.clones).claims(base.uri))
        except GoldenError as error:
            emit(Notice(f"could not delete {base.volume} in the pool {base.pool} of {base.uri}: {error}", warning=True))
            failed.append(base)
    return failed


def clear(output: Output, ready: Callable[[GraphVertex], bool]) -> None:
    """Delete the folders that this or a killed call set aside, if their version is `ready`. Raises HostError."""
    try:
        for folder in set_aside_folders(output):
            version = GraphVertex("version", folder.parent.name, name_of_set_aside(folder))
            if not ready(version):
                continue
            if not folder_of(version, output).exists():
                remove_companions(Version(version.place, version.name, folder_of(version, output)))
            shutil.rmtree(folder)
            remove_empty(folder.parent, output)
    except OSError as error:
        raise HostError(
            "cannot delete the folder of a removed version",
            details=str(error),
            hint="correct the cause, then run `golden prune --yes` again: it deletes the rest",
        ) from error


def remove_companions(version: Version) -> None:
    """Remove the verification of a version and its signature. Raises OSError."""
    if version.verification_folder.exists():
        shutil.rmtree(version.verification_folder)
    version.signature_file.unlink(missing_ok=True)


def remove_empty(folder: Path, output: Output) -> None:
    """Remove the folder of a template without versions and channels, with its history."""
    store = Store(output.templates)
    with store.locked(folder.name):
        entries = {path.name for path in folder.iterdir()}
        companions = [folder / name for name in sorted(entries & COMPANION_FOLDERS)]
        if entries - {"history.jsonl"} - COMPANION_FOLDERS or any(any(each.iterdir()) for each in companions):
            return
        for each in companions:
            each.rmdir()
        (folder / "history.jsonl").unlink(missing_ok=True)
        folder.rmdir()
