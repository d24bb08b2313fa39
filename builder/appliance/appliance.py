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

if TYPE_CHECKING:  # the binding takes longer to load than a node to clone
    import guestfs

StartMethod = Literal["restored", "cold", "plain"]

CHUNK = 2 << 20
"""Bytes fetched at once: a reply of the appliance holds at most 4 MiB."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk to plug: a file and its format. Backing files are found by the overlay's own header.

    A `discard_writes` disk can be written to, and its file stays as it is: what is written goes with the
    appliance. It may be one that somebody else writes to meanwhile, if `shared`. Of a `durable` disk
    what the guest flushes is on the host's disk; other files are made durable when they are kept.
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

    def plug_each(self, disks: Sequence[Disk]) -> Iterator[str]:
        """The device names of disks, each plugged when it is given out, and unplugged after the next was asked for.

        The file systems of one must be unmounted before the next is asked for.
        """
        for disk in disks:
            device = self.plug(disk)
            yield device
            self.unplug(device)

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
                raise appliance_died(error) from error
            raise ApplianceError(f"the appliance failed at: {command}", details=str(error)) from error

    def upload_to_memory(self, content: bytes, name: str, mode: int = 0o600) -> str:
        """Put bytes where guests' commands can read them and no disk ever holds them.

        The appliance's /dev is memory, and it is the guest's /dev while a command runs. Returns the
        path as a command in the guest sees it. Raises ApplianceError.
        """
        memory = os.memfd_create("golden")
        try:
            with os.fdopen(os.dup(memory), "wb") as file:
                file.write(content)
            self.handle.debug_upload(f"/proc/self/fd/{memory}", f"/dev/{name}", mode)
        except RuntimeError as error:
            if not self.alive:
                raise appliance_died(error) from error
            raise ApplianceError("the appliance took no input", details=str(error)) from error
        finally:
            os.close(memory)
        return f"/dev/{name}"

    def shell_output(self, command: str) -> bytes:
        """Run a command of the appliance itself for its stdout, which may be bytes of any kind and number.

        Raises ApplianceError.
        """
        whole = "/dev/golden-output"
        piece = base64.b64decode(self.shell(f"{{ {command}; }} >{whole} && head -c {CHUNK} {whole} | base64 -w0"))
        content = piece
        while len(piece) == CHUNK:
            piece = base64.b64decode(self.shell(f"tail -c +{len(content) + 1} {whole} | head -c {CHUNK} | base64 -w0"))
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


def appliance_died(error: RuntimeError) -> ApplianceError:
    """The error for an appliance that is gone in the middle of its work."""
    return ApplianceError(
        "the appliance ended in the middle of the work",
        details=str(error),
        hint="QEMU was killed, or this host is out of memory; finished layers are kept, so build again",
    )
