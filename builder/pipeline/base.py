"""The base of a plan: from the cache, or made and inspected."""

from __future__ import annotations

from pathlib import Path

from builder import digest
from builder.appliance.appliance import Disk
from builder.bases import BuildContext
from builder.errors import BuildError, HostError, RequestError
from builder.events import Emit, Notice
from builder.guest.info import GuestInfo
from builder.guest.inspection import has_esp, inspect
from builder.install_trees.url import shown
from builder.layers import Layer, LayerCache
from builder.pipeline.journal import RunningAction
from builder.pipeline.run import BuildRun
from builder.plan import base_request
from builder.sizes import write_hint
from builder.upstream import Upstream


def prepare_base(run: BuildRun) -> Layer:
    """Return the base from the cache; make and inspect it first if it is not there. Raises GoldenError."""
    cache = LayerCache(run.output.bases)
    return run.find_or_make(run.plan.base, cache, lambda: make_base(run, cache))


def make_base(run: BuildRun, cache: LayerCache) -> Layer:
    """Make the base, inspect it, and add it to the cache. Raises GoldenError."""
    action, recipe, session = run.plan.base, run.plan.recipe, run.session
    with run.journal.running(action) as entry, session.disk_errors():
        staged = cache.staging(session.work.name, 0)
        request = base_request(recipe, run.output)
        upstream = run.upstream or Upstream(run.output.upstream)
        entry.observe(read_indexes(action.base.indexes(request), upstream, entry.emit))
        context = BuildContext(request, run.output.downloads, session.work, session.appliance, entry.emit, run.limits)
        action.base.make(context, staged)
        if digest.of_value(action.base.key_facts(request)) != action.digest:
            raise BuildError("its source files changed during the build", hint="run the build again")
        parent = run.plan.parent
        info = (parent.guest_info() if parent else None) or inspect_base(run, staged, entry)
        try:
            cache.commit(action.key, staged, {**entry.record, "info": info.to_json()})
        except OSError as error:
            raise HostError(
                f"cannot save the finished base in {cache.folder}", details=str(error), hint=write_hint(cache.folder)
            ) from error
    base = cache.find(action.key)
    assert base is not None
    return base


def read_indexes(indexes: list[str], upstream: Upstream, emit: Emit) -> dict[str, str | None]:
    """The digests of the indexes that a base is about to be made from; None for one that cannot be read.

    They are read before the base is made, so that a change during the build makes the base stale, used or not.
    """
    answers = upstream.fetch(indexes, again=True)
    for url, answer in answers.items():
        if answer.sha256 is None:
            text = f"cannot read {shown(url)}, so the next build with --refresh makes the base again: {answer.reason}"
            emit(Notice(text, warning=True))
    return {url: answer.sha256 for url, answer in answers.items()}


def inspect_base(run: BuildRun, disk: Path, entry: RunningAction) -> GuestInfo:
    """Inspect the disk of a new base. Raises GoldenError."""
    entry.emit(Notice("inspecting the base"))
    appliance = run.session.appliance()
    device = appliance.plug(Disk(disk, read_only=True))
    if run.plan.recipe.firmware == "uefi" and not has_esp(appliance, device):
        raise RequestError(
            "the base has no EFI system partition, so nodes with `firmware: uefi` cannot boot from it",
            hint="remove `firmware: uefi`, or use an image that was made for UEFI",
        )
    info = inspect(appliance, device)
    appliance.unplug(device)
    appliance.check_disks()
    return info


def info_of(base: Layer) -> GuestInfo:
    """What inspection found when the base was made."""
    return GuestInfo.from_json(dict(base.record["info"]))
