"""Save the state of a booted appliance, so that later starts restore it in a fraction of a second."""

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
from builder.sizes import write_hint

SCHEMA = 2

BOOT_DEADLINE = 300.0
"""Seconds to wait until guestfsd opens its port; it usually takes 8 s without hardware virtualisation."""


def file_identity(path: Path) -> list[object]:
    """What identifies a file in a key: path, size and inode.

    Not the mtime, because libguestfs updates it at every start. Not the content, because the root disk has 4 GiB;
    if supermin rebuilds it, it has a new inode, and a new UUID on the command line.
    """
    stat = path.stat()
    return [str(path), stat.st_size, stat.st_ino]


def host_cpu() -> str:
    """The host's processor model and features, from its kernel. A saved state only runs on the same processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    wanted = ("model name", "flags", "Features")
    return "\n".join(next((line for line in lines if line.startswith(name)), "") for name in wanted)


def key(qemu: str, argv: list[str], accelerator: str) -> str:
    """The key of the state into which `argv` boots. Raises ApplianceError if a part of the machine is missing."""
    values = dict(launcher.parse_options(argv))
    try:
        parts = [
            Path(qemu),
            Path(values["-kernel"] or ""),
            Path(values["-initrd"] or ""),
            launcher.appliance_root(argv),
        ]
        return digest.of_value(
            [SCHEMA, [file_identity(part) for part in parts], launcher.stable_argv(argv), accelerator, host_cpu()]
        )[:32]
    except (KeyError, ValueError, OSError) as error:
        raise ApplianceError(
            "golden does not recognize the QEMU command line that libguestfs makes on this host",
            details=str(error),
            hint="unset LIBGUESTFS_HV if it names a wrapper; this version of libguestfs may not be supported",
        ) from error


def find_candidate(states: SavedStates, qemu: str, accelerator: str, shape: Mapping[str, int]) -> SavedState | None:
    """The most recently used state with the same shape and unchanged parts; None if there is none.

    It may still be the wrong one. To be certain, ask libguestfs for its command line; that takes 0.3 s, as long as a
    restore.
    """
    for state in reversed(states.oldest_first()):
        record = files.read_json(state.marker) or {}
        with suppress(ApplianceError):
            if record.get("shape") == shape and key(qemu, record["argv"], accelerator) == state.key:
                return state
    return None


def save(states: SavedStates, name: str, qemu: str, argv: list[str], *, shape: Mapping[str, int]) -> None:
    """Boot the recorded machine without a client on its channel, and save its state.

    guestfsd boots, then blocks on its first write. The machine is saved while it runs, so that a restored one runs at
    once. `name` is its key; `find_candidate` compares `shape`. Call it while `states.saving`. Raises ApplianceError,
    and then leaves nothing behind.
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
        raise ApplianceError(
            f"cannot save the appliance's state in {staged.folder}",
            details=str(error),
            hint=write_hint(staged.folder.parent),
        ) from error
    finally:
        shutil.rmtree(staged.folder, ignore_errors=True)


@contextmanager
def idle_machine(qemu: str, argv: list[str], *more: str, root: str = "") -> Iterator[Monitor]:
    """Run the recorded machine without a client on its channel. Yield its monitor; kill the machine at the end.

    Raises ApplianceError with QEMU's output in its details.
    """
    with scratch_folder() as sockets:
        request = launcher.LaunchRequest("cold", qmp=f"{sockets}/qmp", root=root)
        command = launcher.with_idle_channel(launcher.complete_argv(argv, request), f"{sockets}/channel")
        output = sockets / "console"
        with output.open("wb") as console:
            machine = subprocess.Popen(
                process.bound_to_us([qemu, *command, *more]), stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        try:
            with closing(Monitor(sockets / "qmp")) as monitor:
                yield monitor
        except ApplianceError as error:
            error.details = f"{error.details or ''}\n{tail(output.read_text(errors='replace'))}"
            raise
        finally:
            machine.kill()
            machine.wait()


def migrate(monitor: Monitor, ram: Path) -> None:
    """Wait until guestfsd has opened its port, then save the machine to `ram` with QEMU's migration."""
    opened = monitor.find_event("VSERPORT_CHANGE", timeout=BOOT_DEADLINE)
    if opened is None:
        raise ApplianceError(f"guestfsd did not start in the appliance within {BOOT_DEADLINE:.0f} s")
    # Lift the limit on the write speed: the default of 128 MiB/s is meant for networks.
    monitor.execute("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
    monitor.execute("migrate", uri=f"exec:exec cat > {shlex.quote(str(ram))}")
    while (status := monitor.execute("query-migrate")["status"]) not in ("completed", "failed", "cancelled"):
        time.sleep(0.02)
    if status != "completed":
        raise ApplianceError(f"QEMU could not save the appliance's state to {ram}: its migration ended as {status}")
    monitor.execute("quit")


def read_argv(path: Path) -> list[str]:
    """The command line that the launcher recorded. Raises ApplianceError if libguestfs did not run the launcher."""
    try:
        argv: list[str] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ApplianceError("libguestfs did not start QEMU", hint="run `libguestfs-test-tool` to see why") from error
    return argv
