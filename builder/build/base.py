"""Having the base of a plan."""

from __future__ import annotations

from builder import digest
from builder.bases import Workshop
from builder.build.run import Run
from builder.errors import BuildError, HostError, RequestError
from builder.events import Notice
from builder.guest.appliance import Disk
from builder.guest.info import GuestInfo
from builder.guest.inspection import has_esp, inspect
from builder.layers import Cache, Layer
from builder.plan import wanted


def prepare_base(run: Run) -> Layer:
    """The base in the cache, made and inspected if it is not there. Raises GoldenError."""
    action, recipe, session = run.plan.base, run.plan.recipe, run.session
    cache = Cache(run.output.bases)
    if found := cache.find(action.key):
        run.journal.cached(action, found)
        return found
    with run.journal.running(action) as entry, session.watching_disks():
        staged = cache.staging(session.work.name, 0)
        asked = wanted(recipe, run.output)
        workshop = Workshop(asked, run.output.downloads, session.work, session.appliance, entry.emit)
        action.base.make(workshop, staged)
        if digest.of_value(action.base.key_facts(asked)) != action.digest:
            raise BuildError("its image changed while it was read", hint="build again")
        entry.emit(Notice("inspecting the base"))
        device = session.appliance().plug(Disk(staged, read_only=True))
        if recipe.firmware == "uefi" and not has_esp(session.appliance(), device):
            raise RequestError(
                "the base has no EFI system partition, so no node of `firmware: uefi` would boot from it",
                hint="leave `firmware:` out, or take an image that was made for UEFI",
            )
        info = inspect(session.appliance(), device)
        session.appliance().unplug(device)
        session.appliance().check_disks()
        try:
            cache.commit(action.key, staged, {**entry.record, "info": info.to_json()})
        except OSError as error:
            raise HostError("the finished base could not be kept", details=str(error)) from error
    made = cache.find(action.key)
    assert made is not None
    return made


def info_of(base: Layer) -> GuestInfo:
    """What inspection said when the base was made."""
    return GuestInfo.from_json(dict(base.record["info"]))
