"""Opens the guest on a disk in an appliance, for reading or writing."""

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
from builder.sizes import write_hint


@contextmanager
def opened(
    target: Target,
    output: Output,
    emit: Emit,
    *,
    writable: bool = False,
    stop: Callable[[Appliance], None] = Appliance.kill,
) -> Iterator[Guest]:
    """The guest on a disk, mounted in an appliance of its own. At the end, all writes are on the host's disk.

    Reading uses a throw-away overlay, so that file systems that were not unmounted can be repaired, and
    the disk of a running node can be read. `stop` is called, from another thread, on a stop signal.

    Raises RequestError or InUseError if the disk may not be written, HostError if writing it failed,
    BuildError if it holds no guest that golden knows.
    """
    if writable:
        target.require_writable()
    warn_of_use(target, emit)
    inspections = Inspections(output.inspections)
    with start(ApplianceSettings(output.appliance), emit) as appliance, on_stop_signal(lambda: stop(appliance)):
        device = attach(appliance, target, writable=writable)
        info = target.info or inspect_target(appliance, device, target, inspections, emit)
        guest = Guest(appliance, device, info, emit)
        if not writable:
            guest.mount(read_only=True)
            yield guest
            # The overlay is thrown away: no clean shutdown needed.
            appliance.kill()
            return
        with reporting_write_errors(appliance, target):
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
def opened_in(appliance: Appliance, target: Target, output: Output, emit: Emit) -> Iterator[Guest]:
    """The guest on a disk, mounted read-only in a running appliance, and detached at the end.

    Raises what `opened` raises.
    """
    warn_of_use(target, emit)
    device = attach(appliance, target, writable=False)
    info = target.info or inspect_target(appliance, device, target, Inspections(output.inspections), emit)
    guest = Guest(appliance, device, info, emit)
    guest.mount(read_only=True)
    yield guest
    guest.unmount()
    appliance.unplug(device)


def warn_of_use(target: Target, emit: Emit) -> None:
    if target.in_use:
        emit(
            Notice(
                f"{target.title} is in use: changes that the running guest has not yet written to disk are missing",
                warning=True,
            )
        )


def attach(appliance: Appliance, target: Target, *, writable: bool) -> str:
    """Attach the disk. Raises InUseError if another process has opened it meanwhile."""
    disk = Disk(
        target.disk, target.format, discard_writes=not writable, shared=not writable and target.in_use, durable=writable
    )
    try:
        return appliance.plug(disk)
    except ApplianceError as error:
        if not disks.is_lock_error(error.details or ""):
            raise
        raise InUseError(
            f"another process has {target.title} open",
            details=error.details,
            hint="stop that process, or wait until it ends",
        ) from error


def inspect_target(
    appliance: Appliance, device: str, target: Target, inspections: Inspections, emit: Emit
) -> GuestInfo:
    """Inspect the guest on the disk, and remember the result. Raises BuildError if golden does not know the guest."""
    emit(Notice(f"inspecting {target.title}; golden remembers the result"))
    info = inspect(appliance, device, target.title)
    inspections.keep(target.disk, info)
    return info


@contextmanager
def reporting_write_errors(appliance: Appliance, target: Target) -> Iterator[None]:
    """If the host could not write the disk, raise that HostError instead of the error that it caused."""
    try:
        yield
    finally:
        try:
            if appliance.alive:
                appliance.check_disks()
        except HostError as error:
            raise HostError(
                f"cannot write {target.title}",
                details=error.details,
                hint=f"{write_hint(target.disk.parent)}; then check the disk: the change may be incomplete",
            ) from error
