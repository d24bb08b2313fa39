"""A booted appliance, saved once and restored in a fraction of a second."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from builder import digest, disks, files, process
from builder.appliance import launcher
from builder.appliance.qmp import Monitor
from builder.appliance.saved import SavedState, SavedStates
from builder.appliance.scratch import scratch_folder
from builder.errors import ApplianceError, CommandError, tail

SCHEMA = 2

BOOT_DEADLINE = 300.0
"""Seconds within which guestfsd must open its port; 8 s is usual without hardware virtualisation."""


def file_identity(path: Path) -> list[object]:
    """A file as a key knows it.

    Not by time, which libguestfs renews at every start; nor by contents, since the root disk is
    4 GiB: one that supermin makes anew has another inode, and another UUID on the command line.
    """
    about = path.stat()
    return [str(path), about.st_size, about.st_ino]


def host_cpu() -> str:
    """The host's processor model and features, as its kernel tells them; a state runs on no other."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    wanted = ("model name", "flags", "Features")
    return "\n".join(next((line for line in lines if line.startswith(name)), "") for name in wanted)


def key(qemu: str, argv: list[str], accelerator: str) -> str:
    """The key of the state that `argv` would boot into; raises ApplianceError for an argv without its parts."""
    given = dict(launcher.parse_options(argv))
    try:
        parts = [
            Path(qemu),
            Path(given["-kernel"] or ""),
            Path(given["-initrd"] or ""),
            launcher.appliance_root(argv),
        ]
        return digest.of_value(
            [SCHEMA, [file_identity(part) for part in parts], launcher.stable_argv(argv), accelerator, host_cpu()]
        )[:32]
    except (KeyError, ValueError, OSError) as error:
        raise ApplianceError("libguestfs started QEMU in a way that is new to golden", details=str(error)) from error


def find_candidate(states: SavedStates, qemu: str, accelerator: str, shape: Mapping[str, int]) -> SavedState | None:
    """The newest state whose parts are as they were, of an appliance of that shape; None where there is none.

    Asking libguestfs what it would start takes 0.3 s, as long as restoring; only then it is certain.
    """
    for state in reversed(states.oldest_first()):
        record = files.read_json(state.marker) or {}
        with suppress(ApplianceError):
            if record.get("shape") == shape and key(qemu, record["argv"], accelerator) == state.key:
                return state
    return None


def save(states: SavedStates, name: str, qemu: str, argv: list[str], *, shape: Mapping[str, int]) -> None:
    """Boot the recorded machine with nobody at the other end of its channel, and save it.

    guestfsd boots, then blocks on its first write. The machine is saved while it runs, so that it
    runs again as soon as it is restored. `name` is its key, and `shape` what `find_candidate` finds it by. Call it
    while `states.saving`. Raises ApplianceError; nothing is left behind then.
    """
    staged = states.stage(name)
    try:
        disks.create_overlay(staged.root, launcher.appliance_root(argv), "raw", absolute=True)
        with idle_machine(qemu, argv, root=str(staged.root)) as monitor:
            migrate(monitor, staged.ram)
        for file in (staged.ram, staged.root):
            files.sync(file)
        record = {"schema": SCHEMA, "saved": time.time(), "shape": dict(shape), "argv": argv}
        files.write_json(staged.marker, record)
        states.commit(staged, name)
    except (OSError, CommandError) as error:
        raise ApplianceError("the appliance could not be saved", details=str(error)) from error
    finally:
        shutil.rmtree(staged.folder, ignore_errors=True)


@contextmanager
def idle_machine(qemu: str, argv: list[str], *more: str, root: str = "") -> Iterator[Monitor]:
    """The monitor of the recorded machine, run with nobody at the other end of its channel; it ends with the `with`.

    Raises ApplianceError, with what QEMU said.
    """
    with scratch_folder() as sockets:
        request = launcher.LaunchRequest("cold", qmp=f"{sockets}/qmp", root=root)
        command = launcher.with_idle_channel(launcher.complete_argv(argv, request), f"{sockets}/channel")
        said = sockets / "console"
        with said.open("wb") as console:
            machine = subprocess.Popen(
                process.bound_to_us([qemu, *command, *more]), stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        try:
            with closing(Monitor(sockets / "qmp")) as monitor:
                yield monitor
        except ApplianceError as error:
            error.details = f"{error.details or ''}\n{tail(said.read_text(errors='replace'))}"
            raise
        finally:
            machine.kill()
            machine.wait()


def migrate(monitor: Monitor, ram: Path) -> None:
    """Wait until guestfsd has opened its port, then write the machine to `ram`."""
    opened = monitor.find_event("VSERPORT_CHANGE", timeout=BOOT_DEADLINE)
    if opened is None:
        raise ApplianceError(f"guestfsd did not start within {BOOT_DEADLINE:.0f} s")
    # No bound on the write: the default of 128 MiB/s is meant for networks.
    monitor.execute("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
    monitor.execute("migrate", uri=f"exec:exec cat > {shlex.quote(str(ram))}")
    while (status := monitor.execute("query-migrate")["status"]) not in ("completed", "failed", "cancelled"):
        time.sleep(0.02)
    if status != "completed":
        raise ApplianceError(f"QEMU could not save the appliance: migration {status}")
    monitor.execute("quit")


def read_argv(path: Path) -> list[str]:
    """The command line that the launcher was given. Raises ApplianceError when it was not called."""
    try:
        argv: list[str] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ApplianceError(
            "libguestfs did not get as far as starting QEMU", hint="run libguestfs-test-tool"
        ) from error
    return argv
