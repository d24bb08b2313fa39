"""Start an appliance in the fastest way that works on this host."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import guestfs

from builder import process
from builder.appliance import accelerator, launcher, reseed, state
from builder.appliance.appliance import Appliance, StartMethod
from builder.appliance.handle import ApplianceSettings, launch, new_handle
from builder.appliance.hotplug import HotplugAppliance, require_hotplug
from builder.appliance.plain import PlainAppliance
from builder.appliance.qmp import Monitor
from builder.appliance.saved import SavedState, SavedStates
from builder.appliance.scratch import ARGV, new_scratch
from builder.errors import ApplianceError, HostError
from builder.events import Decision, Emit, Notice


def start(settings: ApplianceSettings, emit: Emit) -> Appliance:
    """Start an appliance: restore a saved one, else boot it, else leave it to libguestfs.

    Emits a notice for each fallback. Raises ApplianceError if none works.
    """
    settings.cache.mkdir(parents=True, exist_ok=True)
    qemu = settings.qemu or str(guestfs.GuestFS(python_return_dict=True).get_hv())
    usable = accelerator.probe(qemu)
    emit(Decision(f"accelerator {usable.kind}", usable.reason or "KVM works on this host"))
    if usable.kind == "tcg":
        emit(Notice(f"{usable.reason}; the appliance is emulated, about ten times slower", warning=True))
    states = SavedStates(settings.cache)
    if candidate := state.find_candidate(states, qemu, usable.kind, settings.shape):
        # If this fails, the full check below finds out why.
        try:
            appliance = restore(settings, qemu, usable.kind, candidate)
        except ApplianceError as error:
            emit(Decision(f"do not use the saved appliance {candidate.key}", str(error)))
        else:
            emit(
                Decision(
                    f"restore the saved appliance {candidate.key}",
                    "QEMU, its command line and this host have not changed",
                )
            )
            return appliance
    try:
        argv = record_argv(settings, qemu, usable.kind)
        saved = states.state(state.key(qemu, argv, usable.kind))
        if not saved.exists:
            require_hotplug(qemu, argv)
        try:
            with states.saving():
                if not saved.exists:
                    emit(
                        Decision(
                            f"save the appliance as {saved.key}",
                            "no saved appliance fits this QEMU, its command line and this host",
                        )
                    )
                    emit(
                        Notice(
                            "booting the appliance and saving its state; later builds restore it in less than a second"
                        )
                    )
                    state.save(states, saved.key, qemu, argv, shape=settings.shape)
            return restore(settings, qemu, usable.kind, saved)
        except ApplianceError as error:
            emit(
                Notice(
                    f"cannot restore the saved appliance, so golden boots it, which takes longer: {error}", warning=True
                )
            )
            saved.discard()
        return boot(settings, qemu, usable.kind)
    except ApplianceError as error:
        emit(
            Notice(
                f"cannot start the appliance with hot-plug, so libguestfs starts it, which takes longer: {error}",
                warning=True,
            )
        )
    return PlainAppliance(settings, usable.kind)


def restore(settings: ApplianceSettings, qemu: str, accelerator_kind: str, saved: SavedState) -> Appliance:
    """Restore a saved appliance, then set its clock and reseed its random generator. Raises ApplianceError."""
    request = launcher.LaunchRequest("restore", root=str(saved.root), ram=str(saved.ram))
    appliance = launch_with(settings, qemu, accelerator_kind, request)
    try:
        # After an update of the host's packages, libguestfs rebuilds its appliance at the next start. The saved memory
        # does not fit the new root disk.
        if state.key(qemu, appliance.argv, accelerator_kind) != saved.key:
            raise ApplianceError("libguestfs rebuilt its appliance, because packages of the host have changed")
        refresh_clock_and_entropy(appliance)
        saved.mark_used()
    except BaseException:
        appliance.close()
        raise
    return appliance


def boot(settings: ApplianceSettings, qemu: str, accelerator_kind: str) -> Appliance:
    """Boot the same machine instead of restoring it. Raises ApplianceError."""
    return launch_with(settings, qemu, accelerator_kind, launcher.LaunchRequest("cold"))


def refresh_clock_and_entropy(appliance: Appliance) -> None:
    """Set the clock of a restored machine, and reseed its random generator. Raises ApplianceError.

    Its clock still shows the time of saving, which breaks package managers and TLS. Its random seed is the same
    after each restore, so keys made by a step would be the same in other builds.
    """
    entropy = base64.b64encode(secrets.token_bytes(64)).decode()
    appliance.upload_to_memory(reseed.program(), "golden-reseed", 0o700)
    appliance.shell(
        f"date -s @{time.time():.3f} >/dev/null; echo {entropy} >/dev/urandom"
        " && /dev/golden-reseed && rm /dev/golden-reseed"
    )


def record_argv(settings: ApplianceSettings, qemu: str, accelerator_kind: str) -> list[str]:
    """The QEMU command line that libguestfs would run. Does not run it (0.05 s). Raises ApplianceError."""
    with prepare_launch(settings, qemu, launcher.LaunchRequest("record")) as (hv, scratch):
        handle = new_bound_handle(settings, accelerator_kind, hv)
        with contextlib.suppress(RuntimeError):  # always fails: the launcher starts nothing
            handle.launch()
        handle.close()
        try:
            return state.read_argv(scratch / ARGV)
        finally:
            shutil.rmtree(scratch)


def launch_with(
    settings: ApplianceSettings, qemu: str, accelerator_kind: str, request: launcher.LaunchRequest
) -> HotplugAppliance:
    """Start an appliance through the launcher, and connect to its monitor. Raises ApplianceError."""
    with prepare_launch(settings, qemu, request) as (hv, scratch):
        handle = new_bound_handle(settings, accelerator_kind, hv)
        try:
            launch(handle)
            method: StartMethod = "restored" if request.mode == "restore" else "cold"
            return HotplugAppliance(method, handle, Monitor(scratch / "qmp"), scratch, state.read_argv(scratch / ARGV))
        except BaseException:
            handle.close()
            shutil.rmtree(scratch, ignore_errors=True)
            raise


def new_bound_handle(settings: ApplianceSettings, accelerator_kind: str, hv: str) -> guestfs.GuestFS:
    """A handle, not yet launched, that starts its machine through the script `hv`."""
    handle = new_handle(settings, accelerator_kind)
    handle.set_hv(hv)
    # The launcher already ends the machine together with golden. libguestfs's recovery process is a fork of golden,
    # and would hold golden's locks for two more seconds after a kill -9.
    handle.set_recovery_proc(False)
    handle.add_drive("/dev/null")
    return handle


_environment = threading.Lock()


@contextlib.contextmanager
def prepare_launch(
    settings: ApplianceSettings, qemu: str, request: launcher.LaunchRequest
) -> Iterator[tuple[str, Path]]:
    """Prepare one launch: yield the path of the `hv` script and a scratch folder.

    The launcher finds its request through the environment. Raises HostError.
    """
    hv = settings.cache / "hv"
    script = launcher.hv_script(qemu)
    if not hv.exists() or hv.read_text() != script:
        try:
            staged = hv.with_name(f".hv.{os.getpid()}")
            staged.write_text(script)
            staged.chmod(0o755)
            staged.rename(hv)
        except OSError as error:
            raise HostError(
                f"cannot write {hv}, the script that starts QEMU for libguestfs",
                details=str(error),
                hint=f"check the owner and permissions of {hv.parent}, and the free space there",
            ) from error
    scratch = new_scratch()
    dataclasses.replace(
        request, argv_file=str(scratch / ARGV), qmp=str(scratch / "qmp"), bound=process.bound_to_us([])
    ).save(scratch / "request")
    # libguestfs 1.48 overruns its memory if the path of `hv` has certain lengths above 80
    # (`corrupted size vs. prev_size`), so give it a short one.
    short = scratch / "hv"
    short.symlink_to(hv.absolute())
    with _environment:
        os.environ[launcher.REQUEST] = str(scratch / "request")
        try:
            yield str(short), scratch
        finally:
            del os.environ[launcher.REQUEST]
