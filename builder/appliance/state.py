"""A booted appliance, saved once and restored in a fraction of a second."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from builder import digest, disks, files, process
from builder.appliance import launcher
from builder.appliance.qmp import Monitor
from builder.appliance.scratch import scratch_folder
from builder.errors import ApplianceError, CommandError, tail

SCHEMA = 2
KEPT = 3
"""How many states are kept: a new kernel or QEMU makes the older ones useless."""

BOOT_DEADLINE = 300.0
"""Seconds within which guestfsd must open its port; 8 s is usual without hardware virtualisation."""


@dataclass(frozen=True, slots=True)
class SavedState:
    """One saved appliance.

    ::

        cache/appliance/KEY/
        ├── ram          the machine, as QEMU's migration stream
        ├── root.qcow2   what booting wrote to the appliance's root disk
        └── state.json   written last: without it there is no state
    """

    folder: Path

    @property
    def ram(self) -> Path:
        return self.folder / "ram"

    @property
    def root(self) -> Path:
        return self.folder / "root.qcow2"

    @property
    def marker(self) -> Path:
        return self.folder / "state.json"

    @property
    def exists(self) -> bool:
        return files.read_json(self.marker) is not None

    def used(self) -> None:
        """Remember that it was of use now; what was not for long is freed first."""
        with suppress(OSError):
            os.utime(self.marker)

    def discard(self) -> None:
        """Forget a state that did not restore."""
        self.marker.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def identity(path: Path) -> list[object]:
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
    given = dict(launcher.options(argv))
    try:
        parts = [
            Path(qemu),
            Path(given["-kernel"] or ""),
            Path(given["-initrd"] or ""),
            launcher.appliance_root(argv),
        ]
        return digest.of_value(
            [SCHEMA, [identity(part) for part in parts], launcher.lasting(argv), accelerator, host_cpu()]
        )[:32]
    except (KeyError, ValueError, OSError) as error:
        raise ApplianceError("libguestfs started QEMU in a way that is new to golden", details=str(error)) from error


def find_likely(cache: Path, qemu: str, accelerator: str, shape: Mapping[str, int]) -> SavedState | None:
    """The newest state whose parts are as they were, of an appliance of that shape; None where there is none.

    Asking libguestfs what it would start takes 0.3 s, as long as restoring; only then it is certain.
    """
    by_age = sorted(cache.glob("[!.]*/state.json"), key=lambda marker: marker.stat().st_mtime, reverse=True)
    for marker in by_age:
        record = files.read_json(marker) or {}
        with suppress(ApplianceError):
            if record.get("shape") == shape and key(qemu, record["argv"], accelerator) == marker.parent.name:
                return SavedState(marker.parent)
    return None


def save(qemu: str, argv: list[str], state: SavedState, *, shape: Mapping[str, int]) -> None:
    """Boot the recorded machine with nobody at the other end of its channel, and save it.

    guestfsd boots, then blocks on its first write. The machine is saved while it runs, so that it
    runs again as soon as it is restored. `shape` is what `find_likely` finds it by. Call it with the folder's lock
    held: what killed processes left half-saved is removed. Raises ApplianceError; nothing is left behind then.
    """
    state.folder.parent.mkdir(parents=True, exist_ok=True)
    for abandoned in state.folder.parent.glob(".*.*/"):
        shutil.rmtree(abandoned, ignore_errors=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{state.folder.name}.", dir=state.folder.parent))
    try:
        root = staged / "root.qcow2"
        disks.create_overlay(root, launcher.appliance_root(argv), "raw", absolute=True)
        with unattended(qemu, argv, root=str(root)) as monitor:
            migrate(monitor, staged / "ram")
        for file in (staged / "ram", root):
            files.sync(file)
        record = {"schema": SCHEMA, "saved": time.time(), "shape": dict(shape), "argv": argv}
        files.write_json(staged / "state.json", record)
        shutil.rmtree(state.folder, ignore_errors=True)
        staged.rename(state.folder)
        forget_old(state.folder.parent)
    except (OSError, CommandError) as error:
        raise ApplianceError("the appliance could not be saved", details=str(error)) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


@contextmanager
def unattended(qemu: str, argv: list[str], *more: str, root: str = "") -> Iterator[Monitor]:
    """The monitor of the recorded machine, run with nobody at the other end of its channel; it ends with the `with`.

    Raises ApplianceError, with what QEMU said.
    """
    with scratch_folder() as sockets:
        order = launcher.LaunchOrder("cold", qmp=f"{sockets}/qmp", root=root)
        command = launcher.with_idle_channel(launcher.finish(argv, order), f"{sockets}/channel")
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


def forget_old(folder: Path) -> None:
    """Remove all but the states saved last. Whoever is running on one of the others has its files open."""
    by_age = sorted(folder.glob("[!.]*/state.json"), key=lambda marker: marker.stat().st_mtime)
    for marker in by_age[:-KEPT]:
        SavedState(marker.parent).discard()


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
