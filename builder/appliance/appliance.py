"""The appliance: one small QEMU machine of libguestfs that serves a whole build."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from builder.disks import DiskFormat
from builder.errors import ApplianceError

if TYPE_CHECKING:  # loading the binding takes longer than cloning a node
    import guestfs

StartMethod = Literal["restored", "cold", "plain"]
"""Restored from a saved state, booted by golden, or started by libguestfs alone."""

CHUNK = 2 << 20
"""Bytes per read: a reply from the appliance holds at most 4 MiB."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk to plug: a file and its format. QEMU finds backing files from the overlay's header.

    With `discard_writes`, the guest can write to the disk, but its file never changes: the writes are
    discarded. With `shared`, another process may write to the file at the same time. With
    `durable`, a flush by the guest reaches the host's disk; other files are only synced when golden keeps them.
    """

    file: Path
    format: DiskFormat = "qcow2"
    read_only: bool = False
    discard_writes: bool = False
    shared: bool = False
    durable: bool = False


class Appliance(ABC):
    """A running appliance with its libguestfs handle. Close it, or use it in a `with` statement."""

    start_method: StartMethod
    keeps_mounts: bool
    """Whether frozen file systems can stay mounted during a checkpoint."""
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

    def plug_each(self, disks: Sequence[Disk]) -> Iterator[str]:
        """Plug each disk in turn, yield its device name, and unplug it afterwards.

        Unmount the file systems of a disk before you request the next one.
        """
        for disk in disks:
            device = self.plug(disk)
            yield device
            self.unplug(device)

    @abstractmethod
    def checkpoint(self, device: str, overlay: Disk) -> None:
        """Direct all further writes to `overlay`; the file below it no longer changes.

        The device's file systems must be unmounted, or frozen if `keeps_mounts`. The overlay's header may
        already name its backing file by a name that the file only gets later, but before the guest is used again.
        """

    def check_disks(self) -> None:  # noqa: B027 (an appliance without a monitor cannot tell)
        """Raise HostError if a write to the file of a plugged disk has failed since the last call."""

    @property
    @abstractmethod
    def output_port(self) -> str | None:
        """The appliance's device for output that the host reads while a command runs; None without one."""

    @property
    @abstractmethod
    def output_file(self) -> Path | None:
        """The host's file that receives what is written to `output_port`."""

    @property
    def alive(self) -> bool:
        """Whether the appliance still responds."""
        return bool(self.handle.is_ready())

    def kill(self) -> None:
        """Kill the machine at once. Safe from any thread, even while a call is running."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def shell(self, command: str) -> str:
        """Run a command in the appliance itself, outside any guest, and return its output. Raises ApplianceError."""
        try:
            return str(self.handle.debug("sh", [command]))
        except RuntimeError as error:
            if not self.alive:
                raise appliance_died(error) from error
            raise ApplianceError(f"a command failed in the appliance: {command}", details=str(error)) from error

    def upload_to_memory(self, content: bytes, name: str, mode: int = 0o600) -> str:
        """Store bytes where commands in a guest can read them, but never on a disk.

        The appliance's /dev is in memory, and commands in a guest see it as their /dev. Returns the path that
        such a command uses. Raises ApplianceError.
        """
        memory = os.memfd_create("golden")
        try:
            with os.fdopen(os.dup(memory), "wb") as file:
                file.write(content)
            self.handle.debug_upload(f"/proc/self/fd/{memory}", f"/dev/{name}", mode)
        except RuntimeError as error:
            if not self.alive:
                raise appliance_died(error) from error
            raise ApplianceError(f"cannot copy a file to /dev/{name} of the appliance", details=str(error)) from error
        finally:
            os.close(memory)
        return f"/dev/{name}"

    def shell_output(self, command: str) -> bytes:
        """Run a command in the appliance itself and return its stdout, binary and of any size.

        Raises ApplianceError.
        """
        file = "/dev/golden-output"
        chunk = base64.b64decode(self.shell(f"{{ {command}; }} >{file} && head -c {CHUNK} {file} | base64 -w0"))
        content = chunk
        while len(chunk) == CHUNK:
            chunk = base64.b64decode(self.shell(f"tail -c +{len(content) + 1} {file} | head -c {CHUNK} | base64 -w0"))
            content += chunk
        return content

    def close(self) -> None:
        """Shut the appliance down. Writes since the last checkpoint are lost."""
        with contextlib.suppress(RuntimeError):
            self.handle.shutdown()
        self.handle.close()

    def __enter__(self) -> Appliance:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def appliance_died(error: RuntimeError) -> ApplianceError:
    """The error for an appliance that ended during a call."""
    return ApplianceError(
        "the appliance ended unexpectedly",
        details=str(error),
        hint="check whether the host ran out of memory or QEMU was killed, then build again; finished layers are kept",
    )
