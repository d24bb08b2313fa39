"""Having the base of a plan."""

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
from builder.plan import wanted
from builder.upstream import Upstream


def prepare_base(run: BuildRun) -> Layer:
    """The base in the cache, made and inspected if it is not there. Raises GoldenError."""
    cache = LayerCache(run.output.bases)
    return run.find_or_make(run.plan.base, cache, lambda: make_base(run, cache))


def make_base(run: BuildRun, cache: LayerCache) -> Layer:
    """Make the base, inspect it, and take it into the cache. Raises GoldenError."""
    action, recipe, session = run.plan.base, run.plan.recipe, run.session
    with run.journal.running(action) as entry, session.watching_disks():
        staged = cache.staging(session.work.name, 0)
        asked = wanted(recipe, run.output)
        upstream = run.upstream or Upstream(run.output.upstream)
        entry.observe(look_upstream(action.base.indexes(asked), upstream, entry.emit))
        context = BuildContext(asked, run.output.downloads, session.work, session.appliance, entry.emit, run.limits)
        action.base.make(context, staged)
        if digest.of_value(action.base.key_facts(asked)) != action.digest:
            raise BuildError("what it is made of changed meanwhile", hint="build again")
        parent = run.plan.parent
        info = (parent.guest_info() if parent else None) or look_inside(run, staged, entry)
        try:
            cache.commit(action.key, staged, {**entry.record, "info": info.to_json()})
        except OSError as error:
            raise HostError("the finished base could not be kept", details=str(error)) from error
    made = cache.find(action.key)
    assert made is not None
    return made


def look_upstream(indexes: list[str], upstream: Upstream, emit: Emit) -> dict[str, str | None]:
    """The digests of the indexes of what a base is about to be made from; None for what cannot be had.

    They are those from before it begins: what moves meanwhile is found stale, whether or not it was still used.
    """
    answers = upstream.look(indexes, again=True)
    for url, answer in answers.items():
        if answer.sha256 is None:
            emit(Notice(f"what is upstream now is not noted of {shown(url)}: {answer.reason}", warning=True))
    return {url: answer.sha256 for url, answer in answers.items()}


def look_inside(run: BuildRun, disk: Path, entry: RunningAction) -> GuestInfo:
    """Inspect a disk, for there is nothing that would know. Raises GoldenError."""
    entry.emit(Notice("inspecting the base"))
    appliance = run.session.appliance()
    device = appliance.plug(Disk(disk, read_only=True))
    if run.plan.recipe.firmware == "uefi" and not has_esp(appliance, device):
        raise RequestError(
            "the base has no EFI system partition, so no node of `firmware: uefi` would boot from it",
            hint="leave `firmware:` out, or take an image that was made for UEFI",
        )
    info = inspect(appliance, device)
    appliance.unplug(device)
    appliance.check_disks()
    return info


def info_of(base: Layer) -> GuestInfo:
    """What inspection said when the base was made."""
    return GuestInfo.from_json(dict(base.record["info"]))
