"""The appliance: one small QEMU machine of libguestfs that serves a whole build."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import guestfs

from builder.errors import ApplianceError, GoldenError, HostError
from builder.events import Emit, Notice
from builder.guest import accelerator, launcher, state
from builder.guest.qmp import Monitor

How = Literal["restored", "cold", "plain"]

MEMORY = 2048
"""MiB of the appliance: enough for a package manager; a restore pays only for what is in use."""

PLUG_DEADLINE = 60.0
"""Seconds within which a plugged disk must appear in the appliance; 0.6 s is usual."""

LOG_PORT = "golden.log"

PIECE = 2 << 20
"""Bytes fetched at once: a reply of the appliance holds at most 4 MiB."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an appliance is made of. `cache` is the folder of saved appliances; `qemu` names another QEMU."""

    cache: Path
    memory: int = MEMORY
    qemu: str | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk to plug: a file and its format. Backing files are found by the overlay's own header."""

    file: Path
    format: Literal["qcow2", "raw"] = "qcow2"
    read_only: bool = False


class Appliance(ABC):
    """A running appliance with its libguestfs handle. Close it, or use it in a `with` statement."""

    how: How
    keeps_mounts: bool
    """Whether mounted file systems live through a checkpoint, if they are frozen meanwhile."""
    pid: int | None = None

    @property
    @abstractmethod
    def handle(self) -> guestfs.GuestFS:
        """The launched libguestfs handle."""

    @abstractmethod
    def plug(self, disk: Disk) -> str:
        """Attach a disk and return its device name in the appliance."""

    @abstractmethod
    def unplug(self, device: str) -> None:
        """Detach a disk whose file systems are unmounted."""

    @abstractmethod
    def checkpoint(self, device: str, overlay: Disk) -> None:
        """Let everything written from now on go to `overlay`; what stands below it is final.

        The device's file systems must be unmounted, or frozen where `keeps_mounts`. The overlay's
        header may name its backing by a name that the file below has yet to get: it must have it
        when the guest is next used.
        """

    def check_disks(self) -> None:  # noqa: B027 (an appliance without a monitor cannot tell)
        """Raise HostError if a write to a plugged disk's file failed since the last call."""

    @property
    @abstractmethod
    def output_port(self) -> str | None:
        """The device to which commands in the appliance write what the host reads as they run."""

    @property
    @abstractmethod
    def output_file(self) -> Path | None:
        """Where the host finds what was written to `output_port`."""

    @property
    def alive(self) -> bool:
        """Whether the machine still answers."""
        return bool(self.handle.is_ready())

    def kill(self) -> None:
        """End the machine at once; from any thread, also while a call is under way."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def shell(self, command: str) -> str:
        """Run a command of the appliance itself, outside every guest. Raises ApplianceError."""
        try:
            return str(self.handle.debug("sh", [command]))
        except RuntimeError as error:
            if not self.alive:
                raise died(error) from error
            raise ApplianceError(f"the appliance failed at: {command}", details=str(error)) from error

    def hand_in(self, content: bytes, name: str) -> str:
        """Put bytes where guests' commands can read them and no disk ever holds them.

        The appliance's /dev is memory, and it is the guest's /dev while a command runs. Returns the
        path as a command in the guest sees it.
        """
        with tempfile.NamedTemporaryFile(prefix="golden-") as file:
            file.write(content)
            file.flush()
            self.handle.debug_upload(file.name, f"/dev/{name}", 0o600)
        return f"/dev/{name}"

    def output(self, command: str) -> bytes:
        """Run a command of the appliance itself for its stdout, which may be bytes of any kind and number.

        Raises ApplianceError.
        """
        whole = "/dev/golden-output"
        piece = base64.b64decode(self.shell(f"{{ {command}; }} >{whole} && head -c {PIECE} {whole} | base64 -w0"))
        content = piece
        while len(piece) == PIECE:
            piece = base64.b64decode(self.shell(f"tail -c +{len(content) + 1} {whole} | head -c {PIECE} | base64 -w0"))
            content += piece
        return content

    def close(self) -> None:
        """End the appliance. What was not checkpointed is lost, so nothing waits for it."""
        with contextlib.suppress(RuntimeError):
            self.handle.shutdown()
        self.handle.close()

    def __enter__(self) -> Appliance:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class HotplugAppliance(Appliance):
    """An appliance with a QMP monitor: disks come and go, and are frozen, while it runs."""

    keeps_mounts = True

    def __init__(self, how: How, handle: guestfs.GuestFS, monitor: Monitor, scratch: Path) -> None:
        self.how = how
        self.pid = handle.get_pid()
        self._handle = handle
        self._monitor = monitor
        self._scratch = scratch
        self._names = (f"golden{number}" for number in range(1, 10_000))
        self._plugged: dict[str, str] = {}
        self._nodes: dict[str, str] = {}
        self._port = self._open_output_port()

    def _open_output_port(self) -> str:
        self._output = self._scratch / "output"
        self._output.touch()
        self._monitor.execute(
            "chardev-add",
            id="golden-log",
            backend={"type": "file", "data": {"out": str(self._output), "append": True}},
        )
        self._monitor.execute(
            "device_add", driver="virtserialport", chardev="golden-log", name=LOG_PORT, id="golden-log"
        )
        return "/dev/" + self._wait_for(f"grep -lsx {LOG_PORT} /sys/class/virtio-ports/*/name").split("/")[4]

    def _wait_for(self, search: str) -> str:
        """Ask the appliance until it finds something, and return that."""
        deadline = time.monotonic() + PLUG_DEADLINE
        while not (found := self.shell(f"{search} || true").strip()):
            if time.monotonic() > deadline:
                raise ApplianceError(f"a plugged device did not appear within {PLUG_DEADLINE:.0f} s", details=search)
            time.sleep(0.02)
        return found.splitlines()[0]

    @property
    def handle(self) -> guestfs.GuestFS:
        return self._handle

    @property
    def output_port(self) -> str | None:
        return self._port

    @property
    def output_file(self) -> Path | None:
        return self._output

    def plug(self, disk: Disk) -> str:
        name = next(self._names)
        self._monitor.execute("blockdev-add", **self._node(name, disk))
        self._monitor.execute(
            "device_add", driver="virtio-blk-pci", id=f"{name}-device", drive=name, serial=name, werror="report"
        )
        found = self._wait_for(f"grep -lsx {name} /sys/block/vd*/serial")
        device = "/dev/" + found.split("/")[3]
        self._wait_for(f"udevadm settle; ls {device}")
        self._plugged[device] = self._nodes[device] = name
        return device

    def _node(self, name: str, disk: Disk) -> dict[str, object]:
        """A block node for a disk; flushes are dropped, the file is made durable when it becomes a layer."""
        return {
            "node-name": name,
            "driver": disk.format,
            "read-only": disk.read_only,
            "discard": "unmap",
            "cache": {"no-flush": True, "direct": False},
            "file": {"driver": "file", "filename": str(disk.file), "discard": "unmap"},
        }

    def unplug(self, device: str) -> None:
        name = self._plugged.pop(device)
        self._monitor.execute("device_del", id=f"{name}-device")
        if not self._monitor.find_event("DEVICE_DELETED", device=f"{name}-device", timeout=PLUG_DEADLINE):
            raise ApplianceError(f"the appliance does not let go of {device}")
        # Overlays that checkpoints put on top went with the device.
        self._monitor.execute("blockdev-del", **{"node-name": name})
        del self._nodes[device]

    def checkpoint(self, device: str, overlay: Disk) -> None:
        name = next(self._names)
        self._monitor.execute(
            "blockdev-snapshot-sync",
            **{
                "node-name": self._nodes[device],
                "snapshot-file": str(overlay.file),
                "snapshot-node-name": name,
                "format": "qcow2",
                "mode": "existing",
            },
        )
        self._nodes[device] = name

    def check_disks(self) -> None:
        # QEMU reports a failed write to the guest, which may only notice when it is too late for an error.
        failed = [event["data"] for event in self._monitor.take_events() if event["event"] == "BLOCK_IO_ERROR"]
        if failed:
            reason = failed[0].get("reason", "")
            raise HostError(
                "there is no space left for the disk under construction"
                if any("No space" in data.get("reason", "") for data in failed)
                else "the disk under construction could not be written",
                details=reason,
                hint="free some space in the output folder, or move it with --output; finished layers are kept",
            )

    def close(self) -> None:
        super().close()
        self._monitor.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


class PlainAppliance(Appliance):
    """libguestfs on its own, the last resort: every change of disks is a new start of the appliance.

    It starts when its handle is next used, so that between a checkpoint and that the file below can
    be given its name. Disks are called /dev/sda, /dev/sdb, …
    """

    how: How = "plain"
    keeps_mounts = False

    def __init__(self, settings: Settings, accelerator_kind: str) -> None:
        """Start once, to know that it works. Raises ApplianceError."""
        self._settings = settings
        self._accelerator = accelerator_kind
        self._disks: list[Disk] = []
        self._running: guestfs.GuestFS | None = None
        _ = self.handle

    output_port = None
    output_file = None

    @property
    def handle(self) -> guestfs.GuestFS:
        if self._running is None:
            self._running = new_handle(self._settings, self._accelerator)
            for disk in self._disks or [Disk(Path("/dev/null"), "raw")]:
                self._running.add_drive_opts(
                    str(disk.file),
                    format=disk.format,
                    readonly=disk.read_only,
                    cachemode="unsafe",
                    discard="besteffort",
                )
            launch(self._running)
            self.pid = self._running.get_pid()
        return self._running

    def plug(self, disk: Disk) -> str:
        self.close()
        self._disks.append(disk)
        return f"/dev/sd{chr(ord('a') + len(self._disks) - 1)}"

    def unplug(self, device: str) -> None:
        self.close()
        del self._disks[ord(device[-1]) - ord("a")]

    def checkpoint(self, device: str, overlay: Disk) -> None:
        self.close()
        self._disks[ord(device[-1]) - ord("a")] = overlay

    def close(self) -> None:
        if self._running is not None:
            super().close()
            self._running = self.pid = None


def died(error: RuntimeError) -> ApplianceError:
    """The error for an appliance that is gone in the middle of its work."""
    return ApplianceError(
        "the appliance ended in the middle of the work",
        details=str(error),
        hint="QEMU was killed, or this host is out of memory; finished layers are kept, so build again",
    )


def launch(handle: guestfs.GuestFS) -> None:
    """Start a handle's appliance. Raises ApplianceError."""
    try:
        handle.launch()
    except RuntimeError as error:
        handle.close()
        text = str(error)
        hint = None
        if "supermin" in text:
            hint = (
                "the appliance is built from the host's kernel: "
                "install linux-image-cloud-amd64 (apt) or kernel-core (dnf)"
            )
        raise ApplianceError("the libguestfs appliance did not start", details=text, hint=hint) from error


def new_handle(settings: Settings, accelerator_kind: str) -> guestfs.GuestFS:
    """A configured handle, not yet launched."""
    handle = guestfs.GuestFS(python_return_dict=True)
    handle.set_backend("direct")
    if accelerator_kind == "tcg":
        handle.set_backend_settings(["force_tcg"])
    handle.set_network(True)
    handle.set_memsize(settings.memory)
    handle.set_smp(min(os.cpu_count() or 1, 4))
    # Closing never waits for a guest: what counts was unmounted or frozen by then.
    handle.set_autosync(False)
    if settings.qemu:
        handle.set_hv(settings.qemu)
    return handle


def start(settings: Settings, emit: Emit) -> Appliance:
    """Start an appliance the fastest way that works here: restored, else cold, else libguestfs's own.

    Each fallback is said. Raises ApplianceError when none works.
    """
    settings.cache.mkdir(parents=True, exist_ok=True)
    qemu = settings.qemu or str(guestfs.GuestFS(python_return_dict=True).get_hv())
    usable = accelerator.probe(qemu)
    if usable.kind == "tcg":
        emit(Notice(f"{usable.reason}; working without it, about ten times slower inside the appliance", warning=True))
    try:
        argv = record(settings, qemu, usable.kind)
        saved = state.SavedState(settings.cache / state.key(qemu, argv, usable.kind))
        try:
            if not saved.exists:
                emit(Notice("booting the appliance once and saving it; later starts restore it"))
                state.save(qemu, argv, saved)
            return restore(settings, qemu, usable.kind, saved)
        except ApplianceError as error:
            emit(Notice(f"the saved appliance did not come up, booting it instead: {error}", warning=True))
            saved.discard()
        return boot(settings, qemu, usable.kind)
    except ApplianceError as error:
        emit(Notice(f"the appliance does not start our way, leaving it to libguestfs: {error}", warning=True))
    return PlainAppliance(settings, usable.kind)


def restore(settings: Settings, qemu: str, accelerator_kind: str, saved: state.SavedState) -> Appliance:
    """Take up a saved appliance, with the clock and the randomness of now. Raises ApplianceError."""
    order = launcher.Order("restore", root=str(saved.root), ram=str(saved.ram))
    appliance = launch_through(settings, qemu, accelerator_kind, order)
    freshen(appliance)
    return appliance


def boot(settings: Settings, qemu: str, accelerator_kind: str) -> Appliance:
    """Boot the same machine from cold. Raises ApplianceError."""
    return launch_through(settings, qemu, accelerator_kind, launcher.Order("cold"))


def freshen(appliance: Appliance) -> None:
    """Give a restored machine the time of now and randomness of its own.

    Its clock stands at the moment of saving, which package managers and TLS would notice, and two
    restores start from the same random pool.
    """
    entropy = base64.b64encode(secrets.token_bytes(64)).decode()
    appliance.shell(f"date -s @{time.time():.3f} >/dev/null; echo {entropy} >/dev/urandom")


def record(settings: Settings, qemu: str, accelerator_kind: str) -> list[str]:
    """The command line that libguestfs would start, without starting it (0.05 s)."""
    with ordered(settings, qemu, launcher.Order("record")) as (hv, scratch):
        handle = new_handle(settings, accelerator_kind)
        handle.set_hv(hv)
        handle.add_drive("/dev/null")
        with contextlib.suppress(RuntimeError):  # the recorder never becomes an appliance
            handle.launch()
        handle.close()
        recorded = scratch / "argv"
        if not recorded.exists():
            raise ApplianceError("libguestfs did not get as far as starting QEMU", hint="run libguestfs-test-tool")
        argv = state.read_argv(recorded)
        shutil.rmtree(scratch)
        return argv


def launch_through(settings: Settings, qemu: str, accelerator_kind: str, order: launcher.Order) -> HotplugAppliance:
    """Launch by way of the launcher and connect to the monitor. Raises ApplianceError."""
    with ordered(settings, qemu, order) as (hv, scratch):
        handle = new_handle(settings, accelerator_kind)
        handle.set_hv(hv)
        handle.add_drive("/dev/null")
        try:
            launch(handle)
            how: How = "restored" if order.mode == "restore" else "cold"
            return HotplugAppliance(how, handle, Monitor(scratch / "qmp"), scratch)
        except GoldenError:
            shutil.rmtree(scratch, ignore_errors=True)
            raise


def new_scratch() -> Path:
    """A folder for one appliance's sockets, whose names must be short; what killed processes left is removed."""
    parent = Path(tempfile.gettempdir())
    for folder in parent.glob("golden-*-*"):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"golden-{os.getpid()}-", dir=parent))


_environment = threading.Lock()


@contextlib.contextmanager
def ordered(settings: Settings, qemu: str, order: launcher.Order) -> Iterator[tuple[str, Path]]:
    """The `hv` script and a scratch folder for one launch; the launcher finds its order by the environment."""
    hv = settings.cache / "hv"
    script = launcher.hv_script(qemu)
    if not hv.exists() or hv.read_text() != script:
        try:
            staged = hv.with_name(f".hv.{os.getpid()}")
            staged.write_text(script)
            staged.chmod(0o755)
            staged.rename(hv)
        except OSError as error:
            raise HostError(f"cannot write {hv}", details=str(error)) from error
    scratch = new_scratch()
    filled = launcher.Order(
        order.mode, argv_file=str(scratch / "argv"), qmp=str(scratch / "qmp"), root=order.root, ram=order.ram
    )
    filled.save(scratch / "order")
    with _environment:
        os.environ[launcher.ORDER] = str(scratch / "order")
        try:
            yield str(hv), scratch
        finally:
            del os.environ[launcher.ORDER]
