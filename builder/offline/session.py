"""A disk's guest in an appliance of its own, for as long as somebody looks at it or changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from builder import disks, files
from builder.appliance.appliance import Appliance, Disk
from builder.appliance.handle import ApplianceSettings
from builder.appliance.interrupt import on_stop_signal
from builder.appliance.start import start
from builder.errors import ApplianceError, HostError, InUseError
from builder.events import Emit, Notice
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.guest.inspection import inspect
from builder.offline.inspections import Inspections
from builder.offline.target import Target
from builder.paths import Output


@contextmanager
def opened(
    target: Target,
    output: Output,
    emit: Emit,
    *,
    writable: bool = False,
    stop: Callable[[Appliance], None] = Appliance.kill,
) -> Iterator[Guest]:
    """The guest on a disk, mounted. What was written is on the host's disk at the end.

    A disk that is read lies below an overlay that is thrown away, so that file systems that were not
    unmounted can be mended, and a running node's can be read. `stop` is called, from another thread,
    when this process is told to stop.

    Raises RequestError or InUseError for a disk that cannot be written, HostError for one that could
    not be, BuildError for one without a guest that golden knows.
    """
    if writable:
        target.require_writable()
    warn_of_use(target, emit)
    inspections = Inspections(output.inspections)
    with start(ApplianceSettings(output.appliance), emit) as appliance, on_stop_signal(lambda: stop(appliance)):
        device = plug(appliance, target, writable=writable)
        info = target.info or look(appliance, device, target, inspections, emit)
        guest = Guest(appliance, device, info, emit)
        if not writable:
            guest.mount(read_only=True)
            yield guest
            # Nothing is to be kept: the machine need not be put away.
            appliance.kill()
            return
        with watching(appliance, target):
            try:
                guest.mount()
                yield guest
            finally:
                if appliance.alive:
                    guest.unmount()
                    appliance.unplug(device)
    files.sync(target.disk)
    inspections.keep(target.disk, info)


@contextmanager
def shown(appliance: Appliance, target: Target, output: Output, emit: Emit) -> Iterator[Guest]:
    """The guest on a disk, mounted for reading in an appliance that runs already, and put away at the end.

    Raises as `opened` does.
    """
    warn_of_use(target, emit)
    device = plug(appliance, target, writable=False)
    info = target.info or look(appliance, device, target, Inspections(output.inspections), emit)
    guest = Guest(appliance, device, info, emit)
    guest.mount(read_only=True)
    yield guest
    guest.unmount()
    appliance.unplug(device)


def warn_of_use(target: Target, emit: Emit) -> None:
    if target.in_use:
        emit(Notice(f"{target.title} is in use: what its machine has not written yet is not seen", warning=True))


def plug(appliance: Appliance, target: Target, *, writable: bool) -> str:
    """Attach the disk. Raises InUseError where a machine has taken it meanwhile."""
    disk = Disk(
        target.disk, target.format, discard_writes=not writable, shared=not writable and target.in_use, durable=writable
    )
    try:
        return appliance.plug(disk)
    except ApplianceError as error:
        if not disks.is_lock_error(error.details or ""):
            raise
        raise InUseError(
            f"another process has {target.title} open", details=error.details, hint="wait for it to end, or stop it"
        ) from error


def look(appliance: Appliance, device: str, target: Target, inspections: Inspections, emit: Emit) -> GuestInfo:
    """What is on the disk; it is remembered. Raises BuildError where that is no guest that golden knows."""
    emit(Notice(f"inspecting {target.title}; this is remembered"))
    info = inspect(appliance, device, target.title)
    inspections.keep(target.disk, info)
    return info


@contextmanager
def watching(appliance: Appliance, target: Target) -> Iterator[None]:
    """Raise HostError, instead of what failed because of it, where the host could not write the disk."""
    try:
        yield
    finally:
        try:
            if appliance.alive:
                appliance.check_disks()
        except HostError as error:
            raise HostError(
                f"{target.title} could not be written",
                details=error.details,
                hint="is there space for it on this host?",
            ) from error
